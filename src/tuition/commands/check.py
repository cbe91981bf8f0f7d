"""`tuition check`: print every problem of a collection, and everything in it that could distort results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tuition.audit import AUDITS, AuditFinding, audit_collection
from tuition.audit.audit import Audit
from tuition.audit.finding import SEVERITIES, worst_first
from tuition.base.errors import ProblemsError, clip
from tuition.commands.console import console, notes, print_json
from tuition.tasks.check import CheckReport, check_collection
from tuition.tasks.readers import open_collection

_MAX_LISTED = 5
_DEFAULT_ENCODING, _DEFAULT_MODEL, _DEFAULT_RECIPE = "definition+2-positive", "smollm2-135m", "small-data"


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """The encoding, model and maximum length for checking prompts. If any is given, the others have their defaults."""

    encoding: str | None = None
    model: str | None = None
    max_length: int | None = None

    def audits(self) -> list[Audit]:
        """Return the requested audits of prompts; none if nothing is given.

        Raises:
            UserError: the encoding or model is unknown, or its tokenizer cannot be loaded.
        """
        if self.encoding is None and self.model is None and self.max_length is None:
            return []
        from tuition.audit.lengths import length_audit
        from tuition.audit.round_trips import round_trip_audit
        from tuition.prompts.encodings import find_encoding

        encoding = find_encoding(self.encoding or _DEFAULT_ENCODING)
        from tuition.models.load import load_tokens
        from tuition.models.recipes import RECIPES

        model = self.model or _DEFAULT_MODEL
        tokens = load_tokens(model, say=lambda text: notes().print(escape(text), style="dim"))
        length = RECIPES[_DEFAULT_RECIPE].max_length if self.max_length is None else self.max_length
        return [length_audit(encoding, tokens, length), round_trip_audit(tokens, model)]


def check_and_print(
    path: Path,
    format: str | None = None,  # noqa: A002 - the word that users know
    *,
    as_json: bool,
    prompts: PromptChoice | None = None,
    skip: Sequence[str] = (),
    every: bool = False,
    strict: bool = False,
) -> int:
    """Read a whole collection and print the findings.

    Args:
        path: the collection.
        format: its format, if its path does not show it.
        as_json: print a JSON list of all findings instead of tables.
        prompts: the encoding, model and length for checking the tasks' prompts.
        skip: the names of audits to leave out.
        every: print every finding, not only the first few of each kind.
        strict: let warnings fail too.

    Returns:
        The exit code: 2 if there is an error, else 1 if there is a warning and `strict` is set, else 0.

    Raises:
        UserError: an audit, encoding or model is unknown.
    """
    audits = _chosen(skip) + (prompts.audits() if prompts is not None else [])
    report = check_collection(path, format)
    findings = worst_first([*_read(report), *_audited(path, format, report, audits)])
    if as_json:
        print_json([finding.plain() for finding in findings])
    else:
        _print(report, findings, _MAX_LISTED if not every else len(findings))
    found = {finding.severity for finding in findings}
    return 2 if "error" in found else 1 if strict and "warning" in found else 0


def _chosen(skip: Sequence[str]) -> list[Audit]:
    for name in skip:
        AUDITS[name]  # raises an error for an unknown name
    return [AUDITS[name] for name in AUDITS if name not in skip]


def _read(report: CheckReport) -> list[AuditFinding]:
    return [
        AuditFinding(
            problem.kind,
            problem.severity,
            () if problem.task is None else (problem.task,),
            problem.count,
            problem.where,
            f"{problem.found}; {problem.expected}",
        )
        for problem in report.problems
    ]


def _audited(path: Path, named: str | None, report: CheckReport, audits: Sequence[Audit]) -> list[AuditFinding]:
    try:
        collection = open_collection(path, named)
    except ProblemsError:
        if report.errors:  # the report already has the reason
            return []
        raise
    return audit_collection(collection, audits)


def _print(report: CheckReport, findings: Sequence[AuditFinding], shown: int) -> None:
    out = console()
    kinds = [(kind, list(group)) for kind, group in groupby(_by_kind(findings), key=lambda finding: finding.kind)]
    if len(kinds) > 1:
        out.print(_table(kinds))
    for kind, group in kinds:
        out.print(f"\n{escape(kind)}", style="bold")
        for line in _lines(group, shown):
            out.print(escape(line), soft_wrap=True)
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}
    out.print(
        f"{escape(str(report.path))}: {report.tasks} tasks, {report.instances} sound instances; "
        f"{counts['error']} errors, {counts['warning']} warnings, {counts['note']} notes",
        soft_wrap=True,
    )


def _lines(group: Sequence[AuditFinding], shown: int) -> list[str]:
    """Return a line for each finding of a kind; if there are more than `shown`, equal messages share one line."""
    if len(group) <= shown:
        return [f"{finding.severity}: {finding}" for finding in group]
    by_message: dict[tuple[str, str], list[AuditFinding]] = {}
    for finding in group:
        by_message.setdefault((finding.severity, finding.message), []).append(finding)
    groups = list(by_message.values())
    lines = []
    for findings in groups[:shown]:
        more = f" (here and in {len(findings) - 1:,} more places; --all shows them)" if len(findings) > 1 else ""
        lines.append(f"{findings[0].severity}: {findings[0]}{more}")
    beyond = sum(map(len, groups[shown:]))
    return lines + ([f"… and {beyond} more findings of this kind (--all shows them)"] if beyond else [])


def _by_kind(findings: Sequence[AuditFinding]) -> list[AuditFinding]:
    """Return the findings grouped by kind, in order of each kind's first appearance."""
    first: dict[str, int] = {}
    for finding in findings:
        first.setdefault(finding.kind, len(first))
    return sorted(findings, key=lambda finding: first[finding.kind])


def _table(kinds: Sequence[tuple[str, Sequence[AuditFinding]]]) -> Table:
    table = Table("kind", "severity", box=None, pad_edge=False)
    for column in ("findings", "tasks", "places"):
        table.add_column(column, justify="right")
    for kind, group in kinds:
        for severity, found in groupby(group, key=lambda finding: finding.severity):
            listed = list(found)
            tasks = {task for finding in listed for task in finding.tasks}
            places = sum(finding.count for finding in listed)
            table.add_row(escape(clip(kind)), severity, str(len(listed)), str(len(tasks)), str(places))
    return table
