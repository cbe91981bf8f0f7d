"""One stage of training: from prompts and a recipe to tuned weights."""

from tuition.training.runs import TrainingLog
from tuition.training.trainer import train

__all__ = ["TrainingLog", "train"]
