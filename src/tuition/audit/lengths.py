"""The truncation ledger: which prompts are longer than a model is given, and what of them gives way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from tuition.audit.audit import CollectionAudit, Setting
from tuition.audit.finding import AuditFinding
from tuition.audit.rows import TaskRows
from tuition.base.errors import UserError, clip
from tuition.prompts.encode import encode
from tuition.prompts.fit import Fitted, LengthPolicy, fit, ledger
from tuition.prompts.types import Encoding, Prompt

# Texts that go to the tokenizer at once.
_BATCH = 2000


class Tokens(Protocol):
    """What an audit needs of a tokenizer; `tuition.models.tokens.PromptTokenizer` has it."""

    @property
    def overhead(self) -> int:
        """How many tokens a whole sequence has besides those of its three texts."""

    def ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the token ids of each text alone."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""


class Counter:
    """Counts tokens, each text once."""

    def __init__(self, tokens: Tokens) -> None:
        """Begin with nothing counted."""
        self._tokens = tokens
        self._known: dict[str, int] = {}

    def count_all(self, texts: Sequence[str]) -> None:
        """Count many texts at once, so that later asking costs nothing."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for begin in range(0, len(new), _BATCH):
            batch = new[begin : begin + _BATCH]
            self._known.update(zip(batch, map(len, self._tokens.ids(batch)), strict=True))

    def __call__(self, text: str) -> int:
        """Return the number of tokens of a text alone."""
        if text not in self._known:
            self._known[text] = len(self._tokens.ids([text])[0])
        return self._known[text]


@dataclass(slots=True)
class Ledger:
    """What one task's prompts are like at a length: how many there are, the longest, and the findings."""

    task: str
    prompts: int = 0
    longest: int = 0
    too_long: int = 0
    findings: list[AuditFinding] = field(default_factory=list)


def length_audit(encoding: Encoding, tokens: Tokens, max_length: int) -> CollectionAudit:
    """Return the audit of all prompts in one encoding, for a tokenizer and a length in tokens."""
    return CollectionAudit(
        "lengths",
        f"prompts of more than {max_length} tokens, and what they would lose",
        partial(task_ledger, encoding=encoding, tokens=tokens, max_length=max_length),
        partial(_summary, encoding=encoding, max_length=max_length),
    )


def task_ledger(rows: TaskRows, *, encoding: Encoding, tokens: Tokens, max_length: int) -> Ledger:
    """Tell all rows of a task, count their tokens, and fit those that are too long as training would."""
    found = Ledger(rows.name)
    told, refused = _tell(rows, encoding)
    if refused:
        index, reason = refused[0]
        found.findings.append(
            _finding(rows, "cannot-be-told", "error", len(refused), index, f"{encoding.name}: {reason}")
        )
    count = Counter(tokens)
    count.count_all([text for _, prompt in told for text in (prompt.prefix, prompt.body, prompt.target)])
    lengths = {
        index: tokens.overhead + count(prompt.prefix) + count(prompt.body) + count(prompt.target)
        for index, prompt in told
    }
    long = {index: prompt for index, prompt in told if lengths[index] > max_length}
    found.prompts, found.longest, found.too_long = len(told), max(lengths.values(), default=0), len(long)
    if long:
        found.findings.extend(_losses(rows, encoding, long, max_length, tokens.overhead, count, found))
    return found


def _tell(rows: TaskRows, encoding: Encoding) -> tuple[list[tuple[int, Prompt]], list[tuple[int, str]]]:
    told: list[tuple[int, Prompt]] = []
    refused: list[tuple[int, str]] = []
    for index, row in enumerate(rows.rows):
        try:
            told.append((index, encode(rows.task, row, encoding)))
        except UserError as error:
            refused.append((index, str(error)))
    return told, refused


def _losses(
    rows: TaskRows,
    encoding: Encoding,
    long: dict[int, Prompt],
    max_length: int,
    overhead: int,
    count: Counter,
    found: Ledger,
) -> Iterator[AuditFinding]:
    policy = LengthPolicy(max_length, too_long="shorten", room=overhead)
    fitted: list[Fitted] = []
    refused: list[tuple[int, str]] = []
    for index in long:
        row = rows.rows[index]
        try:
            fitted.append(fit(rows.task, row, encoding, policy, count, output=row.outputs[0]))
        except UserError as error:
            refused.append((index, str(error)))
    if refused:
        index, reason = refused[0]
        yield _finding(rows, "instruction-too-long", "error", len(refused), index, f"{encoding.name}: {reason}")
    # Cutting the whole sequence at its end, as many trainers do, takes the target first.
    blind = sum(overhead - 1 + count(prompt.prefix) + count(prompt.body) >= max_length for prompt in long.values())
    lost = ledger(fitted)
    told = [
        f"{lost.with_dropped_examples} lose {lost.dropped_examples} examples" if lost.with_dropped_examples else "",
        f"{lost.with_cut_input} have {lost.cut_tokens} tokens of their input cut" if lost.with_cut_input else "",
        f"{len(refused)} cannot be made to fit" if refused else "",
    ]
    yield _finding(
        rows,
        "too-long",
        "warning",
        len(long),
        next(iter(long)),
        f"{encoding.name}: {len(long)} of {found.prompts} prompts have more than {max_length} tokens (the longest "
        f"{found.longest}): {', '.join(filter(None, told))}; cut at their end instead, {blind} would lose the target",
    )


def _finding(rows: TaskRows, kind: str, severity: str, count: int, index: int, message: str) -> AuditFinding:
    return AuditFinding(
        kind, "error" if severity == "error" else "warning", (rows.name,), count, rows.place(index), message
    )


def _summary(
    ledgers: Sequence[Ledger], setting: Setting, *, encoding: Encoding, max_length: int
) -> Iterator[AuditFinding]:
    for one in ledgers:
        yield from one.findings
    prompts, too_long = sum(one.prompts for one in ledgers), sum(one.too_long for one in ledgers)
    if not prompts:
        return
    longest = max(ledgers, key=lambda one: one.longest)
    yield AuditFinding(
        "length-ledger",
        "note",
        tuple(one.task for one in ledgers if one.too_long),
        too_long,
        f"encoding {encoding.name}",
        f"{prompts - too_long} of {prompts} prompts fit whole into {max_length} tokens; the longest has "
        f"{longest.longest} (task {clip(longest.task, 80)})",
    )
