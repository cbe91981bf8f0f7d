"""When two inputs count as equal; used to keep training, validation and test rows disjoint."""

from tuition.tasks.content import content_key

__all__ = ["content_key"]
