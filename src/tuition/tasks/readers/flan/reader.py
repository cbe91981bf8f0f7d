"""FLAN-style clusters as a collection: clusters.yaml, one file of rows per dataset, and the datasets' templates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tuition.base.errors import ProblemsError, clip
from tuition.tasks.collection import Collection
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import read_bytes
from tuition.tasks.readers.flan.clusters import Clusters, read_clusters
from tuition.tasks.readers.flan.entry import Dataset
from tuition.tasks.readers.flan.rows import read_rows
from tuition.tasks.readers.promptsource.template_file import read_templates
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.templating import template_names
from tuition.tasks.types import Instance, Task, Template

_CLUSTERS = "clusters.yaml"
_EXPECTED = "a folder with clusters.yaml and <cluster>/<dataset>.jsonl"


@dataclass(frozen=True, slots=True)
class _DatasetFiles:
    """One dataset and the paths of its files."""

    dataset: Dataset
    root: Path

    @property
    def rows(self) -> Path:
        return self.root / self.dataset.cluster / f"{self.dataset.name}.jsonl"

    @property
    def templates(self) -> Path:
        return self.root / self.dataset.promptsource

    def findings(self, file: Path) -> Findings:
        return Findings(file, self.dataset.name)


def _recognises(path: Path) -> bool:
    return path.name == _CLUSTERS if path.is_file() else (path / _CLUSTERS).is_file()


def _open(path: Path) -> Collection:
    root = path.parent if path.is_file() else path
    found = Findings(root / _CLUSTERS)
    clusters = read_clusters(found.file, root, found)
    if clusters is None or found.failed:
        raise ProblemsError(found.errors())
    datasets = {name: _DatasetFiles(dataset, root) for name, dataset in clusters.datasets.items()}
    return Collection(
        path,
        tuple(datasets),
        read_task=partial(_read_named, datasets),
        fingerprint_of=partial(_fingerprint, root, clusters),
        related=clusters.related,
    )


def _audit(path: Path) -> Iterator[Audit]:
    root = path.parent if path.is_file() else path
    found = Findings(root / _CLUSTERS)
    clusters = read_clusters(found.file, root, found)
    yield Audit(0, 0, found.all())
    for dataset in clusters.datasets.values() if clusters else ():
        files = _DatasetFiles(dataset, root)
        templates = files.findings(files.templates)
        _templates(files, templates)
        rows = files.findings(files.rows)
        count = sum(1 for _ in read_rows(dataset, files.rows, root, rows))
        yield Audit(1, count, (*templates.all(), *rows.all()))


READER = Reader("flan", _EXPECTED, _recognises, _open, _audit)


def _read_named(datasets: Mapping[str, _DatasetFiles], name: str) -> Task:
    files = datasets[name]
    dataset = files.dataset
    found = files.findings(files.templates)
    templates = _templates(files, found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Task(
        dataset.name,
        (dataset.meaning,) if dataset.meaning.strip() else (),
        partial(_read_instances, files),
        categories=(dataset.cluster,),
        sources=(dataset.name,),
        options=dataset.labels,
        templates=templates,
        extra={"source": dataset.source} if dataset.source else {},
    )


def _read_instances(files: _DatasetFiles) -> Iterator[Instance]:
    found = files.findings(files.rows)
    rows = read_rows(files.dataset, files.rows, files.root, found)
    for instance in rows:
        if found.failed:
            break
        yield instance
    for _ in rows:  # the rest is read for its faults only
        pass
    if found.failed:
        raise ProblemsError(found.errors())


def _templates(files: _DatasetFiles, found: Findings) -> tuple[Template, ...]:
    """Return a dataset's templates: those of its PromptSource file that need only its fields, then its own."""
    dataset = files.dataset
    usable: list[Template] = []
    content = read_templates(files.templates, files.root, found) if dataset.promptsource else None
    for template, line in zip(content.templates, content.lines, strict=True) if content else ():
        if missing := sorted(template_names(template) - dataset.template_fields):
            message = f"the template {clip(template.name, 80)!r} reads {', '.join(missing)}; it is ignored"
            expected = "define these fields under promptsource_fields, or do without the template"
            found.warning("template-without-fields", message, expected, line=line)
        else:
            usable.append(template)
    names = {template.name for template in usable}
    for template in dataset.templates:
        if template.name in names:
            message = f"the cluster file also has a template named {clip(template.name, 80)!r}"
            found.warning("duplicate-template", message, "only the first can be selected by that name")
        names.add(template.name)
    return (*usable, *dataset.templates)


def _fingerprint(root: Path, clusters: Clusters) -> str:
    files = [root / _CLUSTERS]
    for dataset in clusters.datasets.values():
        paths = _DatasetFiles(dataset, root)
        files += [paths.rows, *([paths.templates] if dataset.promptsource else [])]
    digest = hashlib.sha256()
    for file in dict.fromkeys(files):
        found = Findings(file)
        data = read_bytes(file, root, found)
        if data is None:
            raise ProblemsError(found.errors())
        digest.update(f"{file.relative_to(root).as_posix()}\0{hashlib.sha256(data).hexdigest()}\0".encode())
    return digest.hexdigest()
