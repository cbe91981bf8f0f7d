"""YAML files of a collection: read by `tuition.base.yamltext`, with their faults among the reader's findings."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tuition.base.yamltext import TEXT, YamlText, parse_yaml_text
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import read_text

__all__ = ["YamlText", "parse_yaml", "read_yaml"]


def read_yaml(file: Path, root: Path, found: Findings, tags: Collection[str] = ()) -> YamlText | None:
    """Read a YAML file within `root`; None, with the reason in `found`, where it cannot be used.

    Args:
        file: the file.
        root: the folder that it must be in, or itself.
        found: what is wrong goes there: broken YAML, a tag, a key twice, aliases that expand without end, a large file.
        tags: the tags (`"!Template"`) that a mapping may have; they are ignored.
    """
    text = read_text(file, root, found)
    return None if text is None else parse_yaml(text, found, tags)


def parse_yaml(text: str, found: Findings, tags: Collection[str] = ()) -> YamlText | None:
    """Read one YAML document from text, as `read_yaml` does."""
    document, faults = parse_yaml_text(text, TEXT, tags)
    for fault in faults:
        found.error(fault.kind, fault.found, fault.expected, line=fault.line)
    return document
