"""The interface of a reader: how it recognises a format, opens a collection, and audits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tuition.tasks.collection import Collection
from tuition.tasks.readers.common.findings import Finding


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of reading all of one file: how many tasks and instances it contains, and what is wrong in it."""

    tasks: int
    instances: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """A format that collections come in.

    `expects` describes such a collection in words, for the error message when no format fits. `recognises` looks at
    names and, if these are not enough, at the beginning of one file (see `sniff`), never at the whole file. It may
    raise OSError. A format that the user names overrides it. `open` raises ProblemsError for what cannot be opened.
    `audit` reads everything, one file at a time, by the same rules as `open` and its tasks, and never raises because
    of the files' content.
    """

    name: str
    expects: str
    recognises: Callable[[Path], bool]
    open: Callable[[Path], Collection]
    audit: Callable[[Path], Iterator[Audit]]
