"""Tasks, their instances, and collections of tasks."""

from tuition.tasks.collection import Collection
from tuition.tasks.types import Example, Instance, Task, Template

__all__ = ["Collection", "Example", "Instance", "Task", "Template"]
