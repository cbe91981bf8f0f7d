"""Evaluation: predictions, scores per instance and per task, and their confidence intervals."""
