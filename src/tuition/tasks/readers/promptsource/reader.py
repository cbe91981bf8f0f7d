"""PromptSource as a collection: a templates.yaml, or a folder of such files; each is a task with templates, no rows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tuition.base.errors import ProblemsError, clip
from tuition.tasks.collection import Collection, name_fault
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import read_bytes
from tuition.tasks.readers.promptsource.template_file import read_templates
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.types import Instance, Task

_EXPECTED = "a templates.yaml, a folder of such .yaml files, or PromptSource's own folder tree of them"
_YAML = (".yaml", ".yml")
_DATA = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow")
# Cards and cluster files are YAML too, but they also describe rows.
_OTHERS = ("task", "clusters")
_TREES = ("*/templates.yaml", "*/*/templates.yaml", "*/*/*/templates.yaml")


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    name: str
    root: Path


def _recognises(path: Path) -> bool:
    if path.is_file():
        return path.suffix in _YAML and path.stem not in _OTHERS
    names = [Path(entry.name) for entry in os.scandir(path)]
    if any(name.suffix in _DATA or (name.stem in _OTHERS and name.suffix in _YAML) for name in names):
        return False
    return any(name.suffix in _YAML for name in names) or any(True for tree in _TREES for _ in path.glob(tree))


def _open(path: Path) -> Collection:
    found = Findings(path)
    files = _list_files(path, found)
    if found.failed:
        raise ProblemsError(found.errors())
    return Collection(path, tuple(files), partial(_read_named, files), fingerprint_of=partial(_fingerprint, files))


def _audit(path: Path) -> Iterator[Audit]:
    found = Findings(path)
    files = _list_files(path, found)
    yield Audit(0, 0, found.all())
    for file in files.values():
        findings = Findings(file.path, file.name)
        read_templates(file.path, file.root, findings)
        message = "there are templates, but no rows to render with them"
        findings.warning("no-instances", message, "add rows, in a folder of clusters, to train or evaluate on them")
        yield Audit(1, 0, findings.all())


READER = Reader("promptsource", _EXPECTED, _recognises, _open, _audit)


def _read_named(files: Mapping[str, _File], name: str) -> Task:
    file = files[name]
    found = Findings(file.path, name)
    content = read_templates(file.path, file.root, found)
    if content is None or found.failed:
        raise ProblemsError(found.errors())
    source = "/".join(part for part in (content.dataset, content.subset) if part)
    sources = (source,) if source else ()
    return Task(name, (), _no_instances, sources=sources, templates=content.templates)


def _no_instances() -> Iterator[Instance]:
    return iter(())


def _list_files(path: Path, found: Findings) -> dict[str, _File]:
    """Return the files by task name; the names come from the file names, or from the content of a single file."""
    if path.is_file():
        name = path.stem
        if name == "templates" and (content := read_templates(path, path, Findings(path))) is not None:
            name = content.name or name
        listed = {name: _File(path, name, path)}
    else:
        listed = _list_folder(path, found)
    for name in list(listed):
        if fault := name_fault(name):
            found.error("unsafe-name", f"the task name {clip(name)!r} {fault}", "use letters, digits, '_' and '-'")
            del listed[name]
    return listed


def _list_folder(path: Path, found: Findings) -> dict[str, _File]:
    try:
        flat = sorted(entry.name for entry in os.scandir(path) if Path(entry.name).suffix in _YAML)
        trees = sorted(file for tree in _TREES for file in path.glob(tree))
    except OSError as error:
        found.error("unreadable-folder", f"it cannot be listed ({error.strerror})", "check its permissions")
        return {}
    files = {path / name: Path(name).stem for name in flat}
    files |= {file: "_".join(file.relative_to(path).parts[:-1]) for file in trees}
    listed: dict[str, _File] = {}
    folded: dict[str, Path] = {}
    for file, name in files.items():
        if (first := folded.setdefault(name.casefold(), file)) != file:
            message = f"{clip(str(first))!r} and {clip(str(file))!r} would be one task, {clip(name)!r}"
            found.error("duplicate-name", message, "rename one of them")
        listed.setdefault(name, _File(file, name, path))
    if not listed:
        found.error("no-tasks", "there are no templates in it", f"expected {_EXPECTED}")
    return listed


def _fingerprint(files: Mapping[str, _File]) -> str:
    digest = hashlib.sha256()
    for file in files.values():
        found = Findings(file.path, file.name)
        data = read_bytes(file.path, file.root, found)
        if data is None:
            raise ProblemsError(found.errors())
        digest.update(f"{file.name}\0{hashlib.sha256(data).hexdigest()}\0".encode())
    return digest.hexdigest()
