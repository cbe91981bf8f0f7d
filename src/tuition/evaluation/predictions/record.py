"""What is read from a file of predictions, and what a reader of one format is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tuition.evaluation.options.rankings import Ranking
from tuition.tasks.readers.common.findings import Findings


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """One answer of a model, with as much of what it answers as its file tells.

    `references` are the accepted outputs, none where the file has none. `instance` is the id that the file gives, empty
    if it gives none; `index` is the instance's position in its task, where the file counts. `system` tells apart
    what several models or arms answered in one file. `category`, `dataset` and `language` are for aggregation.
    `ranking` is what a model said of the instance's options, where these were ranked. `verdicts` are the scores that
    the tool which made the file stored with the answer, by its own names. `input` is what was answered, if it is known.
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
    """A format that predictions come in.

    `expects` says in words what such a file looks like, for the message when none fits. `recognises` looks at names
    and, where these do not tell, at the beginning of one file. `read` returns all answers and puts what is wrong,
    every row of it, into the findings; it raises nothing for what the file holds.
    """

    name: str
    expects: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Findings], list[StoredPrediction]]
