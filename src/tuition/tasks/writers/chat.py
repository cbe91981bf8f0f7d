"""Chat messages for training chat models: instruction and input are the user's turn, the output is the answer."""

from __future__ import annotations

from typing import Any

from tuition.tasks.types import Instance, Task
from tuition.tasks.writers.rows import row_writer


def chat_row(task: Task, row: Instance) -> dict[str, Any]:
    """Return one conversation: the definition, a blank line and the input; then the main output."""
    prompt = "\n\n".join(text for text in (task.definition, row.input) if text.strip())
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": row.outputs[0]}]}


WRITER = row_writer("chat", chat_row, ".jsonl")
