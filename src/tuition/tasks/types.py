"""A task: its instruction in words, and its labelled instances."""

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
    """A few-shot example that belongs to the instruction, not to the labelled instances.

    Positive examples have a correct output; negative examples have a wrong output and an explanation of what is wrong.
    """

    input: str
    output: str
    explanation: str = ""
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt template for a dataset's rows: two Jinja patterns over their named fields, as in FLAN and PromptSource.

    `answer_choices` is also a pattern, whose rendered text is split at `|||`; it is empty if answers are free text.
    `original_task` is false for a template that inverts the task (for example, to generate the premise). If `joined`,
    as in PromptSource, `input` is one pattern for both sides, whose rendered text is split at `|||`, and `target` is
    empty. `tuition.tasks.templating.render_template` renders a row with either kind.
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
    """A task with its instruction in words, in the schema of Super-NaturalInstructions and its predecessor.

    Text is kept exactly as in the source; absent elements are empty. Each call of `instances` reads the instances
    again, so rows that are not requested cost no memory. `extra` keeps the file's other keys (contributors, a licence),
    so that they can be written back.
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
        """The definition that prompts use: the first, if there are several (as in Tk-Instruct)."""
        return self.definitions[0] if self.definitions else ""

    def instances(self) -> Iterator[Instance]:
        """Yield the labelled instances in their source's order.

        Raises:
            ProblemsError: rows cannot be read; all of them are listed.
        """
        return self.read_instances()

    @property
    def rows(self) -> Rows:
        """The instances by row number: fast if the collection has an index, else all are read."""
        return self.row_access or PlainRows(self.name, self.read_instances)


def task_fingerprint(task: Task) -> str:
    """Return a hash of all of a task's fields and of all its instances, in order."""
    accessors = ("read_instances", "row_access")
    fields = {name: getattr(task, name) for name in Task.__dataclass_fields__ if name not in accessors}
    return fingerprint({**fields, "instances": list(task.instances())})
