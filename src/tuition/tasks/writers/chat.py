"""Chat messages, as trainers of chat models read them: task and input are the user's turn, the output is the answer."""

from __future__ import annotations

from typing import Any

from tuition.tasks.types import Instance, Task
from tuition.tasks.writers.rows import row_writer


def tell_chat(task: Task, row: Instance) -> dict[str, Any]:
    """Return one conversation: the definition and, a blank line below, the input; then the main output."""
    asked = "\n\n".join(text for text in (task.definition, row.input) if text.strip())
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": row.outputs[0]}]}


WRITER = row_writer("chat", tell_chat, ".jsonl")
