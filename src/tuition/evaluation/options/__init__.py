"""Closed answers: the options of a task, and ranking them by their likelihood (rank classification)."""
