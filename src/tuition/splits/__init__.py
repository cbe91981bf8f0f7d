"""Who trains, who tests, and how many labels each task gives."""

from tuition.splits.budgets import Sizes, TaskLabels, possible_sizes, split_task
from tuition.splits.content import content_key

__all__ = ["Sizes", "TaskLabels", "content_key", "possible_sizes", "split_task"]
