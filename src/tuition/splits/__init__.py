"""Splits: which tasks are seen and unseen, each task's label budgets, and mixtures of tasks."""

from tuition.splits.balance import balanced
from tuition.splits.budgets import Budget, TaskLabels, possible_sizes, split_task
from tuition.splits.content import content_key
from tuition.splits.label_budget import LabelBudget, parse_label_budget
from tuition.splits.leaks import LeakRecord, find_leaks, without_shared_sources
from tuition.splits.mixture_stats import Realised, realise
from tuition.splits.mixtures import MIXTURES, Epoch, Mixture, draw, epoch
from tuition.splits.partition import Sizes
from tuition.splits.seen import TASK_SPLITS, TasksDivided, divide_tasks, each_fold

__all__ = [
    "MIXTURES",
    "TASK_SPLITS",
    "Budget",
    "Epoch",
    "LabelBudget",
    "LeakRecord",
    "Mixture",
    "Realised",
    "Sizes",
    "TaskLabels",
    "TasksDivided",
    "balanced",
    "content_key",
    "divide_tasks",
    "draw",
    "each_fold",
    "epoch",
    "find_leaks",
    "parse_label_budget",
    "possible_sizes",
    "realise",
    "split_task",
    "without_shared_sources",
]
