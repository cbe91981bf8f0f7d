"""The truncation ledger: which prompts are too long, and what would be truncated or dropped."""

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

# The number of texts in one tokenizer call.
_BATCH = 2000


class Tokens(Protocol):
    """The interface of a tokenizer for audits; `tuition.models.tokens.PromptTokenizer` implements it."""

    @property
    def overhead(self) -> int:
        """The number of tokens of a whole sequence in addition to those of its three texts."""

    def ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the token ids of each text by itself."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids."""


class Counter:
    """Counts tokens, each text once."""

    def __init__(self, tokens: Tokens) -> None:
        """Start with an empty cache."""
        self._tokens = tokens
        self._known: dict[str, int] = {}

    def count_all(self, texts: Sequence[str]) -> None:
        """Count many texts at once and cache the counts."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for begin in range(0, len(new), _BATCH):
            batch = new[begin : begin + _BATCH]
            self._known.update(zip(batch, map(len, self._tokens.ids(batch)), strict=True))

    def __call__(self, text: str) -> int:
        """Return the number of tokens of a text by itself."""
        if text not in self._known:
            self._known[text] = len(self._tokens.ids([text])[0])
        return self._known[text]


@dataclass(slots=True)
class Ledger:
    """One task's prompts at a maximum length: their number, the longest, the number too long, and the findings."""

    task: str
    prompts: int = 0
    longest: int = 0
    too_long: int = 0
    findings: list[AuditFinding] = field(default_factory=list)


def length_audit(encoding: Encoding, tokens: Tokens, max_length: int) -> CollectionAudit:
    """Return the audit of all prompts in one encoding, for a tokenizer and a maximum length in tokens."""
    return CollectionAudit(
        "lengths",
        f"prompts of more than {max_length} tokens, and what they would lose",
        partial(task_ledger, encoding=encoding, tokens=tokens, max_length=max_length),
        partial(_summary, encoding=encoding, max_length=max_length),
    )


def task_ledger(rows: TaskRows, *, encoding: Encoding, tokens: Tokens, max_length: int) -> Ledger:
    """Encode all rows of a task, count their tokens, and shorten those that are too long like training does."""
    found = Ledger(rows.name)
    prompts, refused = _encode_rows(rows, encoding)
    if refused:
        index, reason = refused[0]
        found.findings.append(
            _finding(rows, "cannot-be-encoded", "error", len(refused), index, f"{encoding.name}: {reason}")
        )
    count = Counter(tokens)
    count.count_all([text for _, prompt in prompts for text in (prompt.prefix, prompt.body, prompt.target)])
    lengths = {
        index: tokens.overhead + count(prompt.prefix) + count(prompt.body) + count(prompt.target)
        for index, prompt in prompts
    }
    long = {index: prompt for index, prompt in prompts if lengths[index] > max_length}
    found.prompts, found.longest, found.too_long = len(prompts), max(lengths.values(), default=0), len(long)
    if long:
        found.findings.extend(_losses(rows, encoding, long, max_length, tokens.overhead, count, found))
    return found


def _encode_rows(rows: TaskRows, encoding: Encoding) -> tuple[list[tuple[int, Prompt]], list[tuple[int, str]]]:
    """Return the prompts by row, and the reasons of the rows that cannot be encoded."""
    prompts: list[tuple[int, Prompt]] = []
    refused: list[tuple[int, str]] = []
    for index, row in enumerate(rows.rows):
        try:
            prompts.append((index, encode(rows.task, row, encoding)))
        except UserError as error:
            refused.append((index, str(error)))
    return prompts, refused


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
    # Truncating the whole sequence at its end, as many trainers do, removes the target first.
    without_target = sum(
        overhead - 1 + count(prompt.prefix) + count(prompt.body) >= max_length for prompt in long.values()
    )
    lost = ledger(fitted)
    effects = [
        f"{lost.with_dropped_examples} lose {lost.dropped_examples} examples" if lost.with_dropped_examples else "",
        f"{lost.with_cut_input} have {lost.cut_tokens} input tokens truncated" if lost.with_cut_input else "",
        f"{len(refused)} cannot be shortened enough" if refused else "",
    ]
    yield _finding(
        rows,
        "too-long",
        "warning",
        len(long),
        next(iter(long)),
        f"{encoding.name}: {len(long)} of {found.prompts} prompts have more than {max_length} tokens (the longest "
        f"{found.longest}): {', '.join(filter(None, effects))}; truncated at their end instead, {without_target} would "
        "lose the target",
    )


def _finding(rows: TaskRows, kind: str, severity: str, count: int, index: int, message: str) -> AuditFinding:
    return AuditFinding(
        kind, "error" if severity == "error" else "warning", (rows.name,), count, rows.where(index), message
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
        f"{prompts - too_long} of {prompts} prompts fit into {max_length} tokens; the longest has "
        f"{longest.longest} (task {clip(longest.task, 80)})",
    )
