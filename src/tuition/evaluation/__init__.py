"""Judging: predictions, scores per instance and task, and their uncertainty."""
