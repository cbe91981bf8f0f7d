"""The keys of a Super-NaturalInstructions task (Wang et al. 2022, arXiv:2204.07705).

Contributors, URL, Reasoning, Instance License and all other keys of a file are kept in `Task.extra` under their names.
"""

from __future__ import annotations

from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.json_task import Schema, element
from tuition.tasks.types import Instance, RowSplit


def _instance(row: object, index: int, split: RowSplit, seen: dict[str, int], found: Findings) -> Instance | None:
    return rules.instance(row, index, seen, found, split=split)


SUPERNI = Schema(
    elements={
        "Definition": element("definitions", rules.definitions),
        "Positive Examples": element("positive_examples", rules.examples),
        "Negative Examples": element("negative_examples", rules.examples),
        "Categories": element("categories", rules.texts),
        "Source": element("sources", rules.texts),
        "Domains": element("domains", rules.texts),
        "Input_language": element("input_languages", rules.texts),
        "Output_language": element("output_languages", rules.texts),
        "Instruction_language": element("instruction_languages", rules.texts),
    },
    rows={"Instances": ""},
    row=_instance,
    required=("Definition",),
    expected={"Positive Examples": "add two, or prompts have no examples"},
)
