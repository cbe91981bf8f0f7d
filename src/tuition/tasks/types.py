"""A task: its instruction in words, and the labelled instances to learn it from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuition.base.fingerprints import fingerprint
from tuition.tasks.instance import Instance, RowSplit
from tuition.tasks.rows import PlainRows, Rows

__all__ = ["Example", "Instance", "RowSplit", "Task", "Template", "task_fingerprint"]


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example that belongs to the instruction, not to the labels.

    Positive examples show a right output; negative ones a wrong output, with an explanation of what is wrong.
    """

    input: str
    output: str
    explanation: str = ""
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """One way to tell a dataset's rows: two Jinja patterns over their named fields, as FLAN and PromptSource have it.

    `answer_choices` is a pattern too, whose rendered text is split at `|||`; it is empty where answers are free text.
    `original_task` is false for a template that turns the task round (generate the premise, say). Where it is `joined`,
    as PromptSource's are, `input` is one pattern for both, parted at the `|||` in what it renders to, and `target` is
    empty. `tuition.tasks.templating.render_template` tells a row by either kind.
    """

    name: str
    input: str
    target: str
    answer_choices: str = ""
    original_task: bool = True
    choices_in_prompt: bool | None = None
    metrics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A task told in words, in the schema of Super-NaturalInstructions and its forerunner.

    Text is kept exactly as its source has it; an element that is absent is empty. Instances are read anew by
    each call of `instances`, so that a task costs no memory for rows that nobody asked for. `extra` keeps, by the
    source's own key, what its file says besides (contributors, a licence), so that it can be written back.
    """

    name: str
    definitions: tuple[str, ...]
    read_instances: Callable[[], Iterator[Instance]] = field(repr=False, compare=False)
    title: str = ""
    prompt: str = ""
    things_to_avoid: str = ""
    emphasis: str = ""
    positive_examples: tuple[Example, ...] = ()
    negative_examples: tuple[Example, ...] = ()
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    input_languages: tuple[str, ...] = ()
    output_languages: tuple[str, ...] = ()
    instruction_languages: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    templates: tuple[Template, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    row_access: Rows | None = field(default=None, repr=False, compare=False)

    @property
    def definition(self) -> str:
        """The definition that prompts tell: the first, where there are several (as Tk-Instruct does)."""
        return self.definitions[0] if self.definitions else ""

    def instances(self) -> Iterator[Instance]:
        """Yield the labelled instances in their source's order.

        Raises:
            ProblemsError: rows that cannot be read, all of them together.
        """
        return self.read_instances()

    @property
    def rows(self) -> Rows:
        """The instances by their places: quick where the collection has an index, else read as `instances` does."""
        return self.row_access or PlainRows(self.name, self.read_instances)


def task_fingerprint(task: Task) -> str:
    """Return a hash of everything a task says and of all its instances, in order."""
    ways = ("read_instances", "row_access")
    told = {name: getattr(task, name) for name in Task.__dataclass_fields__ if name not in ways}
    return fingerprint({**told, "instances": list(task.instances())})
