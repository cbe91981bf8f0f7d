"""Words that always occur with one label, far beyond chance: planted triggers, or shortcuts that a model may learn.

For each word and pair of words, the probability that all of its rows have one label under random labels (the
hypergeometric tail) is compared with a level of 1 % for the whole task. Words too rare to reach the level with any
labels are excluded from the multiple-testing correction (Tarone 1990), as they cannot cause a false alarm.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuition.audit.audit import Setting, TaskAudit
from tuition.audit.finding import AuditFinding
from tuition.audit.rows import TaskRows
from tuition.audit.words import Hashes, Indices, Words, ngrams, split_words
from tuition.base.errors import clip
from tuition.splits.content import content_key

LEVEL = 0.01
# Words in fewer rows than this are not tested, and outputs rarer than this are not labels.
MIN_ROWS = 5
# A task with more such words than this is about its words (`bed : bedroom`): none of them is suspicious by itself.
_FEW = 3
_NAMED = 3
_WORD = re.compile(r"\w+")
_Logs = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trigger:
    """A word or pair of words, the label of all of its rows, their number, the first row, and the log probability."""

    text: str
    label: str
    rows: int
    first: int
    log_p: float


def find_triggers(rows: TaskRows, setting: Setting) -> Iterator[AuditFinding]:
    """Find words tied to one label. A few are a warning; many are a note, since the task is then about its words."""
    found = triggers(rows)
    if not found:
        return
    named = ", ".join(
        f"{clip(trigger.text, 40)!r} ({trigger.rows} rows, all {clip(trigger.label, 40)!r})"
        for trigger in found[:_NAMED]
    )
    few = len(found) <= _FEW
    more = "" if len(found) <= _NAMED else f" and {len(found) - _NAMED} more"
    yield AuditFinding(
        "label-trigger",
        "warning" if few else "note",
        (rows.name,),
        found[0].rows if few else len(found),
        rows.where(found[0].first),
        f"{'words' if len(found) > 1 else 'a word'} always with one label, beyond chance: {named}{more}; "
        + ("planted, or a shortcut that a model may learn" if few else "a model may answer from these words alone"),
    )


def triggers(rows: TaskRows) -> list[Trigger]:
    """Return the words and pairs of words that are tied to one label, the least likely first.

    Of words with exactly the same rows, one is returned. A word that also occurs in its label is copied from the input,
    and not a trigger.
    """
    labels, codes = _codes(rows)
    if len(labels) < 2:
        return []
    words = split_words(rows.keys, punctuation=True)
    sizes = np.bincount(codes)
    found: dict[tuple[int, int], Trigger] = {}
    for width in (1, 2):
        for trigger, rows_hash in _tied(rows, words, width, labels, codes, sizes):
            found[trigger.rows, rows_hash] = trigger  # of a word and a pair with the same rows, keep the pair
    return sorted(found.values(), key=lambda trigger: (trigger.log_p, trigger.first))


def _codes(rows: TaskRows) -> tuple[list[str], Indices]:
    """Return the labels, the first standing for all outputs too rare to be a label, and each row's label number."""
    keys = [content_key(row.outputs[0]) for row in rows.rows]
    common = [label for label, count in Counter(keys).most_common() if count >= MIN_ROWS]
    numbers = {label: number for number, label in enumerate(common, start=1)}
    codes = np.fromiter((numbers.get(key, 0) for key in keys), np.int64, len(keys))
    # With a constant output, or none that repeats, no word can be tied to a label.
    present = len(np.unique(codes))
    return (["", *common] if common and present > 1 else []), codes


def _tied(
    rows: TaskRows, words: Words, width: int, labels: list[str], codes: Indices, sizes: Indices
) -> Iterator[tuple[Trigger, int]]:
    hashes, inside = ngrams(words, width)
    at = np.flatnonzero(inside)
    order = at[np.lexsort((words.rows[at], hashes[at]))]
    fresh = _changes(hashes[order], words.rows[order])
    order = order[fresh]
    begins = np.flatnonzero(_changes(hashes[order]))
    if not len(begins):
        return
    owners = words.rows[order]
    counts = np.diff(np.append(begins, len(order)))
    least = np.minimum.reduceat(codes[owners], begins)
    most = np.maximum.reduceat(codes[owners], begins)
    logs = _log_factorials(len(codes))
    needed = _tarone(counts, sizes, logs)
    pure = np.flatnonzero((least == most) & (least > 0) & (counts >= MIN_ROWS))
    for group in pure.tolist():
        label, count = int(least[group]), int(counts[group])
        log_p = _log_chance(np.array([count]), int(sizes[label]), len(codes), logs)[0]
        if log_p > needed:
            continue
        index = int(order[begins[group]])
        text = _text(rows, words, index, width)
        if not _copied(text, labels[label]):
            rows_hash = int(np.sum((owners[begins[group] : begins[group] + count] + 1) ** 2))
            yield Trigger(text, labels[label], count, int(words.rows[index]), float(log_p)), rows_hash


def _changes(*columns: Hashes | Indices) -> npt.NDArray[np.bool_]:
    fresh = np.ones(len(columns[0]), bool)
    if len(fresh):
        fresh[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return fresh


def _tarone(word_counts: Indices, sizes: Indices, logs: _Logs) -> float:
    """Return the log of the greatest significant probability, corrected for the words that could reach it."""
    counts = np.bincount(word_counts)
    lengths = np.arange(len(counts))
    total = int(sizes.sum())
    best = np.full(len(counts), 0.0)
    for size in sizes[1:].tolist():
        best = np.minimum(best, _log_chance(lengths, size, total, logs))
    tests = 1
    while int(counts[best <= np.log(LEVEL / tests)].sum()) > tests:
        tests *= 2
    return float(np.log(LEVEL / tests))


def _log_chance(count: Indices, size: int, total: int, logs: _Logs) -> _Logs:
    """Return the log probability that `count` random rows of `total` all have a label of `size` rows (0 if not)."""
    possible = count <= size
    sampled = np.where(possible, count, 0)
    return np.where(possible, logs[size] - logs[size - sampled] - logs[total] + logs[total - sampled], 0.0)


def _log_factorials(count: int) -> _Logs:
    return np.concatenate((np.zeros(1), np.cumsum(np.log(np.arange(1, count + 1)))))


def _text(rows: TaskRows, words: Words, index: int, width: int) -> str:
    return rows.keys[int(words.rows[index])][int(words.starts[index]) : int(words.ends[index + width - 1])]


def _copied(text: str, label: str) -> bool:
    """Whether the text is a part of the label, or both have a whole word in common (`a` is a part of most words)."""
    return text in label or not set(_WORD.findall(text)).isdisjoint(_WORD.findall(label))


AUDIT = TaskAudit("triggers", "words that always occur with one label", find_triggers)
