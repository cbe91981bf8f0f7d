"""A collection's YAML files: read by `tuition.base.yamltext`, with their faults added to the reader's findings."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tuition.base.yamltext import TEXT, YamlText, parse_yaml_text
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.text_file import read_text

__all__ = ["YamlText", "parse_yaml", "read_yaml"]


def read_yaml(file: Path, root: Path, found: Findings, tags: Collection[str] = ()) -> YamlText | None:
    """Read a YAML file within `root`; None, with the reason in `found`, if it cannot be used.

    Args:
        file: the file.
        root: the folder that it must be in, or the file itself.
        found: receives the faults: broken YAML, a tag, a duplicate key, aliases that expand without end, a large file.
        tags: the tags (`"!Template"`) that a mapping may have; they are ignored.
    """
    text = read_text(file, root, found)
    return None if text is None else parse_yaml(text, found, tags)


def parse_yaml(text: str, found: Findings, tags: Collection[str] = ()) -> YamlText | None:
    """Parse one YAML document, like `read_yaml`."""
    document, faults = parse_yaml_text(text, TEXT, tags)
    for fault in faults:
        found.error(fault.kind, fault.found, fault.expected, line=fault.line)
    return document
