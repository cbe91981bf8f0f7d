"""The prompts from which a plan's keys and costs are computed: each is built once, however many steps have it.

Arms, budgets and seeds use the same rows many times. What is stored of a row is its JSON and its length: its body and
target, which many encodings have in common; the prefix is stored once per task and encoding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from tuition.base.fingerprints import canonical_json, fingerprint
from tuition.prompts.encode import answers, encode
from tuition.prompts.parts import body_of, target_of
from tuition.prompts.prefix import prefix_parts
from tuition.prompts.types import EXAMPLES, Encoding, InContextExamples, Prompt
from tuition.studies.planning.steps import Lengths
from tuition.tasks import Instance, Task

_Key = tuple[object, ...]
_ROWS_MEASURED = 20
"""How many rows of each task are measured for the lengths of its prompts."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row's part of a prompt: its share of the JSON, and the lengths of its parts in characters.

    `prefix` is 0 where the prefix is the task's. `instance` keeps the row alive, since rows are found by identity.
    """

    instance: Instance
    json: bytes
    prefix: int
    body: int
    target: int


@dataclass(frozen=True, slots=True)
class PromptSet:
    """The prompts of some rows of one task under one encoding.

    `head` is the JSON with which all of them start. Sets with equal `digest`s are the same to any model: the digest is
    of the prompts, how they are shortened and how answers are read, but not of the encodings' names.
    """

    head: bytes
    prefix: int
    rows: tuple[Row, ...]
    digest: str

    @property
    def json(self) -> bytes:
        """The prompts as the JSON of a list, without its brackets."""
        return self.head + (b"," + self.head).join(row.json for row in self.rows) if self.rows else b""


class PromptRows:
    """Builds the prompts of a study's rows, each once."""

    def __init__(self) -> None:
        """Prompts are built when they are requested."""
        self._heads: dict[_Key, tuple[bytes, int, str]] = {}
        self._rows: dict[_Key, dict[tuple[int, str | None], Row]] = {}
        self._sets: dict[_Key, PromptSet] = {}

    def training(
        self, task: Task, rows: Iterable[tuple[Instance, str]], encoding: Encoding, shown: InContextExamples, seed: int
    ) -> PromptSet:
        """Return the prompts of rows with the outputs to train on."""
        return self._build(task, rows, encoding, shown, seed, test=False)

    def testing(
        self, task: Task, rows: Sequence[Instance], encoding: Encoding, shown: InContextExamples, seed: int
    ) -> PromptSet:
        """Return the prompts of test rows, each with the row's id and its accepted answers."""
        key = (task, id(rows), encoding, shown, *_drawn(encoding, seed))
        if key not in self._sets:
            self._sets[key] = self._build(task, ((row, None) for row in rows), encoding, shown, seed, test=True)
        return self._sets[key]

    def _build(
        self,
        task: Task,
        rows: Iterable[tuple[Instance, str | None]],
        encoding: Encoding,
        shown: InContextExamples,
        seed: int,
        *,
        test: bool,
    ) -> PromptSet:
        by_row = _by_row(encoding)
        head, prefix, shape = (b"[" if test else b"", 0, _by_name(encoding)) if by_row else self._head(
            task, encoding, shown, test=test
        )  # fmt: skip
        style = (encoding, shown, seed) if by_row else _style(encoding)
        known = self._rows.setdefault((task.name, task.options, test, by_row, task if by_row else "", *style), {})
        made = []
        for instance, output in rows:
            place = (id(instance), output)
            row = known.get(place)
            if row is None:
                prompt = _prompt(task, instance, encoding, output, shown, seed, whole=by_row)
                row = known[place] = _row(task, instance, encoding, prompt, seed, whole=by_row, test=test)
            made.append(row)
        return PromptSet(head, prefix, tuple(made), _digest(shape, made))

    def _head(self, task: Task, encoding: Encoding, shown: InContextExamples, *, test: bool) -> tuple[bytes, int, str]:
        """Return the JSON with which each prompt of a task starts, the prefix's length, and a hash of the shape.

        The shape is all that decides how prompts are shortened and how answers are read, except the rows.
        """
        key = (task, encoding, shown, test)
        if key not in self._heads:
            parts = list(_merged(prefix_parts(task, encoding, shown)))
            prefix = "".join(text for _, texts in parts for text in texts)
            head = (b"[" if test else b"") + b'{"prefix":' + canonical_json(prefix)
            shape = fingerprint([parts, encoding.text_rule, encoding.chat, encoding.answer_after, *_style(encoding)])
            self._heads[key] = (head, len(prefix), shape)
        return self._heads[key]


def training_lengths(sets: Iterable[PromptSet]) -> Lengths:
    """Return the mean lengths of training prompts, measured on the first rows of each task."""
    found = [(chosen.prefix + row.prefix, row.body + row.target) for chosen in sets for row in _measured(chosen)]
    count = max(len(found), 1)
    return Lengths(sum(prefix for prefix, _ in found) / count, sum(row for _, row in found) / count)


def answer_lengths(chosen: PromptSet) -> Lengths:
    """Return the longest prefix and the mean body of test prompts, measured on the first rows."""
    rows = _measured(chosen)
    count = max(len(rows), 1)
    return Lengths(chosen.prefix + max((row.prefix for row in rows), default=0), sum(row.body for row in rows) / count)


def _measured(chosen: PromptSet) -> tuple[Row, ...]:
    return chosen.rows[:_ROWS_MEASURED]


def _by_row(encoding: Encoding) -> bool:
    """Whether each row has a prefix of its own."""
    return bool(encoding.one_of or encoding.template or encoding.jinja)


def _by_name(encoding: Encoding) -> str:
    # Variants and templates are sampled by name, so names decide the prompts too.
    return fingerprint(asdict(encoding))


def _drawn(encoding: Encoding, seed: int) -> tuple[int, ...]:
    return (seed,) if _by_row(encoding) else ()


def _digest(shape: str, rows: Iterable[Row]) -> str:
    digest = hashlib.sha256(shape.encode())
    for row in rows:
        digest.update(row.json)
    return digest.hexdigest()


def _style(encoding: Encoding) -> tuple[object, ...]:
    """Return all that decides one row's prompt after its prefix."""
    return encoding.body, encoding.target, encoding.text_rule, encoding.options


def _merged(parts: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the parts of a prefix; neighbouring parts that are never dropped are joined."""
    texts: list[str] = []
    for kind, own in parts:
        if kind not in EXAMPLES:
            texts += own
            continue
        if texts:
            yield "text", ["".join(texts)]
            texts = []
        yield kind, own
    if texts:
        yield "text", ["".join(texts)]


def _prompt(
    task: Task,
    instance: Instance,
    encoding: Encoding,
    output: str | None,
    shown: InContextExamples,
    seed: int,
    *,
    whole: bool,
) -> Prompt:
    if whole:
        return encode(task, instance, encoding, output=output, shown=shown, seed=seed)
    answer = instance.outputs[0] if output is None else output
    return Prompt("", body_of(task, instance.input, encoding), target_of(task, instance, answer, encoding))


def _row(
    task: Task, instance: Instance, encoding: Encoding, prompt: Prompt, seed: int, *, whole: bool, test: bool
) -> Row:
    json = canonical_json(prompt)
    if not whole:
        json = json.removeprefix(b'{"prefix":""')
    if test:
        right = answers(task, instance, encoding, seed=seed)[0]
        json += b"," + canonical_json([instance.id, right]).removeprefix(b"[")
    return Row(instance, json, len(prompt.prefix), len(prompt.body), len(prompt.target))
