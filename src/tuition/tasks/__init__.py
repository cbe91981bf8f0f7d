"""What is to be learnt: tasks, their instances, and the collections they come in."""

from tuition.tasks.collection import Collection
from tuition.tasks.types import Example, Instance, Task, Template

__all__ = ["Collection", "Example", "Instance", "Task", "Template"]
