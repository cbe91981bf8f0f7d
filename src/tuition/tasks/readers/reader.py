"""What a reader of a format is: how it knows its own, opens it, and audits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tuition.tasks.collection import Collection
from tuition.tasks.readers.common.findings import Finding


@dataclass(frozen=True, slots=True)
class Audit:
    """What reading all of one file showed: how many tasks and instances it holds, and what is wrong in it."""

    tasks: int
    instances: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """A format that collections come in.

    `expects` says in words what such a collection looks like, for the message when nothing fits. `recognises` looks
    at names and, where these do not tell, at the beginning of one file (see `sniff`), never at all of it; it may raise
    OSError, and a format that the user names overrules it. `open` raises ProblemsError for what cannot be opened;
    `audit` reads everything, one file at a time, by the same rules as `open` and its tasks do, and never raises for
    what the files hold.
    """

    name: str
    expects: str
    recognises: Callable[[Path], bool]
    open: Callable[[Path], Collection]
    audit: Callable[[Path], Iterator[Audit]]
