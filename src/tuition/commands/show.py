"""`tuition show`: print the prompt that a model gets for an instance of a task."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import orjson
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tuition.base.errors import UserError, clip
from tuition.commands.console import console, notes
from tuition.prompts.encode import encode
from tuition.prompts.encodings import find_encoding
from tuition.splits.budgets import split_task
from tuition.tasks import Instance, Task
from tuition.tasks.readers import open_collection

_SPLITS = ("test", "validation", "train", "all")


@dataclass(frozen=True, slots=True)
class SplitChoice:
    """A task and a split of its instances: test, validation, train (the pool of labels) or all."""

    path: Path
    task: str
    split: str
    order: str
    test: int
    validation: int
    format: str | None = None

    def read(self) -> tuple[Task, list[Instance]]:
        """Return the task and the chosen rows, in order.

        Raises:
            UserError: the task or split is unknown, or the task is too small for these sizes.
        """
        if self.split not in _SPLITS:
            raise UserError(f"--split {clip(self.split)!r} is not known; use {', '.join(_SPLITS)}")
        if self.order not in ("file", "seeded"):
            raise UserError(f"--order {clip(self.order)!r} is not known; use file or seeded")
        task = open_collection(self.path, self.format)[self.task]
        if self.split == "all":
            return task, list(task.instances())
        order = "file" if self.order == "file" else "seeded"
        rows = split_task(task, test=self.test, validation=self.validation, order=order)  # type: ignore[arg-type]
        return task, list({"test": rows.test, "validation": rows.validation, "train": rows.pool}[self.split])


def print_prompts_as_json(choice: SplitChoice, encoding: str, *, chat: bool = False) -> None:
    """Print a JSON object per line for every instance of the split: task, id, prefix, body, target."""
    chosen = find_encoding(encoding).in_chat() if chat else find_encoding(encoding)
    task, rows = choice.read()
    for row in rows:
        prompt = encode(task, row, chosen)
        line = {"task": task.name, "id": row.id, "prefix": prompt.prefix, "body": prompt.body, "target": prompt.target}
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def show_prompt(choice: SplitChoice, encoding: str, number: int, model: str, *, chat: bool = False) -> None:
    """Print the three parts of one instance's prompt, their token counts, and which tokens a model is trained on.

    Raises:
        UserError: the encoding, task, instance or model is unknown.
    """
    chosen = find_encoding(encoding).in_chat() if chat else find_encoding(encoding)
    task, rows = choice.read()
    if not rows and task.templates:
        _show_templates(task)
        return
    if not rows:
        raise UserError(f"{task.name} has no instances to show")
    if number >= len(rows):
        raise UserError(f"--instance {number}: {task.name} has {len(rows)} instances here, 0 to {len(rows) - 1}")
    row = rows[number]
    prompt = encode(task, row, chosen)
    from tuition.models.load import load_tokens

    tokens = load_tokens(model, say=lambda text: notes().print(escape(text), style="dim"))
    if chosen.chat:
        tokens = tokens.in_chat()
    ids = tokens([prompt])[0]
    out = console()
    out.print(escape(f"{task.name}, instance {row.id}, encoding {chosen.name}: {chosen.description}"))
    if chosen.chat:
        out.print(Text("The model's chat template is added; its tokens are counted in prefix and body."))
    parts = (
        ("prefix", prompt.prefix, ids.prefix),
        ("body", prompt.body, ids.body),
        ("target", prompt.target, ids.target),
    )
    for name, text, part in parts:
        out.print(Text(f"\n── {name}: {len(part)} tokens of {model}", style="bold"))
        out.print(Text(text.replace(" ", "·") if not text.strip() else text), soft_wrap=True)
    out.print(Text(f"\n── label mask: {len(ids.target)} of {len(ids.ids)} tokens are trained on", style="bold"))
    out.print(_mask(ids.ids, ids.label_mask, tokens.tokenizer))


def _show_templates(task: Task) -> None:
    """Print the templates of a task without rows, unfilled."""
    out = console()
    out.print(escape(f"{task.name}: {len(task.templates)} templates, but no rows to fill them with"))
    for template in task.templates:
        out.print(Text(f"\n── {template.name}", style="bold"))
        out.print(Text(template.input if template.joined else f"{template.input}\n→ {template.target}"), soft_wrap=True)
        if template.answer_choices:
            out.print(Text(f"answer choices: {template.answer_choices}"), soft_wrap=True)


def _mask(ids: tuple[int, ...], mask: tuple[bool, ...], tokenizer: object, context: int = 8) -> Table:
    """Return a table of the trained tokens and a few before them, one per row; all earlier ones are masked too."""
    table = Table("position", "token", "id", "trained", box=None, pad_edge=False)
    first = mask.index(True)
    start = max(0, first - context)
    if start:
        table.add_row(f"0-{start - 1}", "…", "", "no")
    for position in range(start, len(ids)):
        text = tokenizer.convert_ids_to_tokens(ids[position])  # type: ignore[attr-defined]
        table.add_row(str(position), Text(str(text)), str(ids[position]), "yes" if mask[position] else "no")
    return table
