"""When two inputs are the same content: the measure by which test, validation and training are kept apart."""

from tuition.tasks.content import content_key

__all__ = ["content_key"]
