"""The record of a stored prediction, and the definition of a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuition.evaluation.options.rankings import Ranking
from tuition.tasks.readers.common.findings import Findings


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """One answer of a model, with as much about its instance as the file contains.

    `references` are the accepted outputs, empty if the file has none. `instance` is the id in the file, empty if it has
    none; `index` is the instance's position in its task, if the file gives positions. `system` distinguishes several
    models or arms in one file. `category`, `dataset` and `language` are for aggregation. `ranking` has the scores of
    the instance's options, if these were ranked. `verdicts` are the scores that another tool stored with the answer,
    by that tool's names. `input` is the instance's input, if known.
    """

    text: str
    references: tuple[str, ...] = ()
    task: str = ""
    instance: str = ""
    index: int | None = None
    system: str = ""
    category: str = ""
    dataset: str = ""
    language: str = ""
    options: tuple[str, ...] = ()
    ranking: Ranking | None = None
    verdicts: Mapping[str, float] = field(default_factory=dict)
    input: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class PredictionReader:
    """A reader of one format of predictions.

    `expects` describes such a file in words, for the message when no format fits. `recognises` looks at names and, if
    these do not decide, at the beginning of one file. `read` returns all answers and adds every invalid row to the
    findings; it raises no error for the file's content.
    """

    name: str
    expects: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Findings], list[StoredPrediction]]
