"""Alpaca's format (Taori et al. 2023): rows of instruction, input and output."""

from __future__ import annotations

from tuition.tasks.types import Instance, Task
from tuition.tasks.writers.rows import row_writer


def alpaca_row(task: Task, row: Instance) -> dict[str, str]:
    """Return one row; without a definition the input becomes the instruction, as in Alpaca's rows without input."""
    if task.definition.strip():
        return {"instruction": task.definition, "input": row.input, "output": row.outputs[0]}
    return {"instruction": row.input, "input": "", "output": row.outputs[0]}


WRITER = row_writer("alpaca", alpaca_row, ".json")
