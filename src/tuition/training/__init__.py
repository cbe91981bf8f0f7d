"""One stage of training: from prompts and a recipe to tuned weights."""

from tuition.training.trainer import TrainingLog, train

__all__ = ["TrainingLog", "train"]
