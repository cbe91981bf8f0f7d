"""`tuition card`: write a task card next to a table, from an instruction."""

from __future__ import annotations

import os
from pathlib import Path

from rich.markup import escape

from tuition.base.errors import UserError, clip
from tuition.base.files import write_atomically
from tuition.commands.console import console
from tuition.tasks.card_draft import CardDraft, CardWish, card_path, draft_card
from tuition.tasks.readers.table.card import is_pattern


def write_card(table: Path, wish: CardWish, *, force: bool = False) -> None:
    """Write the card of a table next to it, and print a summary of the card.

    Raises:
        UserError: a card exists and `force` is not set, or no card can be written; see `draft_card`.
        ProblemsError: the table cannot be read; all its problems are listed.
    """
    path = card_path(table)
    if os.path.lexists(path) and not force:
        raise UserError(f"{path}: there is a card already; edit it, or replace it with --force")
    draft = draft_card(table, wish)
    write_atomically(path, draft.text)
    for line in _summary(draft):
        console().print(escape(line), soft_wrap=True)


def _summary(draft: CardDraft) -> list[str]:
    card = draft.card
    output = "a pattern" if is_pattern(card.output[0]) else ", ".join(card.output)
    lines = [f"{draft.path}: written", f"input: {', '.join(card.input) or 'a template'}; output: {output}"]
    if card.options:
        lines.append(f"options: {', '.join(clip(option, 60) for option in card.options)}")
    if card.example_rows:
        lines.append(f"examples: rows {', '.join(map(str, card.example_rows))}, counted from 1")
    lines.append(f"{draft.rows:,} rows are left to train and evaluate on")
    return lines
