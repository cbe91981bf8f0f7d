"""Answer options: the closed set of a task, and ranking options by their likelihood (rank classification)."""
