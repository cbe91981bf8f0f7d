"""A templates.yaml of PromptSource: the dataset's name and its templates, each validated before it is used.

The schema is that of Bach et al. 2022 (arXiv:2202.01279): `dataset`, `subset`, and `templates`, by id, each with name,
jinja, answer_choices and metadata (original_task, choices_in_prompt, metrics, languages).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.yaml_text import YamlText, read_yaml
from tuition.tasks.templating import pattern_faults
from tuition.tasks.types import Template

_TAGS = ("!Template", "!TemplateMetadata")


@dataclass(frozen=True, slots=True)
class TemplatesFile:
    """The content of such a file; `lines` has the line of each template, in the same order."""

    dataset: str
    subset: str
    templates: tuple[Template, ...]
    lines: tuple[int, ...]

    @property
    def name(self) -> str:
        """The dataset's name and its subset's, joined: `super_glue_copa`."""
        return "_".join(part for part in (self.dataset, self.subset) if part).replace("/", "_")


def read_templates(file: Path, root: Path, found: Findings) -> TemplatesFile | None:
    """Read a file within `root`, without its faulty templates; None if the file cannot be used at all.

    What is wrong goes to `found`: the file's faults, and each template's faults with its line.
    """
    document = read_yaml(file, root, found, _TAGS)
    if document is None:
        return None
    content = document.value
    if not isinstance(content, dict) or not isinstance(content.get("templates"), dict):
        is_object = isinstance(content, dict)
        message = "there are no 'templates'" if is_object else f"it contains {rules.kind_of(content)}"
        found.error("not-templates", message, "it has the keys dataset and templates, with templates by id", line=1)
        return None
    heads = [_text(document, found, key) for key in ("dataset", "subset")]
    templates: list[Template] = []
    lines: list[int] = []
    names: dict[str, int] = {}
    for key in content["templates"]:
        line = document.line("templates", key)
        found.id, found.line = key, line
        template = _template(document, key, found)
        if template is not None:
            templates.append(template)
            lines.append(line)
            if (first := names.setdefault(template.name, line)) != line:
                message = f"line {first} has the same name, {template.name!r}"
                found.warning("duplicate-template", message, "only the first can be selected by that name")
    found.id = found.line = None
    if not content["templates"]:
        found.error("no-templates", "'templates' is empty", "give at least one template", line=1)
    return TemplatesFile(heads[0] or "", heads[1] or "", tuple(templates), tuple(lines))


def _template(document: YamlText, key: str, found: Findings) -> Template | None:
    path = ("templates", key)
    entry = document.value["templates"][key]
    if not isinstance(entry, dict):
        found.error("wrong-type", f"the template {key!r} is {rules.kind_of(entry)}", "it has the keys name and jinja")
        return None
    name, jinja, choices = (_text(document, found, *path, part) for part in ("name", "jinja", "answer_choices"))
    for part, text in (("name", name), ("jinja", jinja)):
        if text is not None and not text.strip():
            found.error("missing-key", f"the template {key!r} has no {part!r}", "every template has one")
    metadata = entry.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        found.error("wrong-type", f"metadata is {rules.kind_of(metadata)}", "it has keys such as original_task")
        return None
    original, in_prompt = (_truth(metadata or {}, key, found) for key in ("original_task", "choices_in_prompt"))
    metrics, languages = (_list(document, found, *path, "metadata", key) for key in ("metrics", "languages"))
    if not name or not name.strip() or not jinja or not jinja.strip() or choices is None:
        return None
    template = Template(name, jinja, "", choices, original is not False, in_prompt, metrics, languages, joined=True)
    faults = pattern_faults(template)
    for fault in faults:
        found.error("unusable-template", f"template {name!r}: {fault}", "fix it or remove it")
    return None if faults else template


def _text(document: YamlText, found: Findings, *path: str) -> str | None:
    """Return a text exactly as it was written, "" if it is null or absent, None (reported) if it is not text."""
    value = document.value
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        found.error("wrong-type", f"{path[-1]} is {rules.kind_of(value)}", "it must be text", line=document.line(*path))
        return None
    written = document.written(*path) or ""
    return written if rules.is_text(written, path[-1], found) else None


def _truth(metadata: dict[str, object], key: str, found: Findings) -> bool | None:
    value = metadata.get(key)
    if value is not None and not isinstance(value, bool):
        found.error("wrong-type", f"{key} is {rules.kind_of(value)}", "it must be true, false or null")
        return None
    return value


def _list(document: YamlText, found: Findings, *path: str) -> tuple[str, ...]:
    value = document.value
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    written = document.written_list(*path)
    if value is not None and written is None:
        found.error("wrong-type", f"{path[-1]} is {rules.kind_of(value)}", "it must be a list of texts")
    return tuple(text for text in written or () if rules.is_text(text, path[-1], found))
