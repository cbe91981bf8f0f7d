"""Probes: the same task prompted differently, to show what a model relies on; each changes one thing in the task."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from tuition.base.errors import UserError, clip
from tuition.base.registry import Registry
from tuition.base.seeds import named_random
from tuition.tasks.types import Example, Task

Probe = Callable[[Task, Sequence[Task], int], Task]
"""Returns the changed task, given the task, the other tasks of its collection, and a seed for random choices."""

PROBES: Registry[Probe] = Registry("probe")


def other_wording(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Use another of the task's own wordings of its definition.

    Raises:
        UserError: it has only one.
    """
    del others
    if len(task.definitions) < 2:
        raise _cannot(task, "other-wording", "its definition has one wording", "give `definitions` a second one")
    chosen = named_random("probe", "wording", task.name, seed).randrange(1, len(task.definitions))
    rest = [definition for at, definition in enumerate(task.definitions) if at != chosen]
    return dataclasses.replace(task, definitions=(task.definitions[chosen], *rest))


def other_task(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Use the definition of another task: a model that answers equally well does not rely on the definition.

    Raises:
        UserError: there is no other task with another definition.
    """
    different = [other for other in others if other.definition.strip() not in ("", task.definition.strip())]
    if not different:
        raise _cannot(task, "other-task", "no other task has another definition", "use a collection with more tasks")
    chosen = named_random("probe", "definition", task.name, seed).choice(different)
    return dataclasses.replace(task, definitions=chosen.definitions)


def without_definition(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Remove the definition; only the examples are left."""
    del others, seed
    return dataclasses.replace(task, definitions=())


def reordered_examples(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Reverse the order of the positive examples.

    Raises:
        UserError: it has fewer than two.
    """
    del others, seed
    if len(task.positive_examples) < 2:
        raise _cannot(task, "reordered-examples", "it has fewer than two positive examples", "add examples")
    return dataclasses.replace(task, positive_examples=tuple(reversed(task.positive_examples)))


def swapped_outputs(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Swap the outputs of the positive examples, to show the effect of wrong examples.

    Raises:
        UserError: its examples all have one output.
    """
    del others, seed
    outputs = [example.output for example in task.positive_examples]
    if len(set(outputs)) < 2:
        raise _cannot(task, "swapped-outputs", "its examples have no two different outputs", "add examples")
    moved = zip(task.positive_examples, [*outputs[1:], outputs[0]], strict=True)
    swapped = tuple(dataclasses.replace(example, output=output, explanation="") for example, output in moved)
    return dataclasses.replace(task, positive_examples=swapped)


def shuffled_options(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Shuffle the answer options.

    Raises:
        UserError: it has fewer than two.
    """
    del others
    if len(task.options) < 2:
        raise _cannot(task, "shuffled-options", "it has no closed options", "give it options")
    random = named_random("probe", "options", task.name, seed)
    order = list(task.options)
    while tuple(order) == task.options:
        random.shuffle(order)
    return dataclasses.replace(task, options=tuple(order))


def negative_example(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Add a negative example, as the thesis did to improve its Task 242 (section 5.2.5): an answer marked as wrong.

    The first example's input gets an output that none of the examples has. Only an encoding with negative examples
    includes it.

    Raises:
        UserError: no such output is known, or there is no example.
    """
    del others
    known = [*task.options, *(row.outputs[0] for _, row in zip(range(200), task.instances(), strict=False))]
    shown = {example.output for example in task.positive_examples}
    unseen = list(dict.fromkeys(output for output in known if output not in shown))
    if not unseen or not task.positive_examples:
        raise _cannot(task, "negative-example", "no output but its examples' is known", "give it options")
    wrong = named_random("probe", "negative", task.name, seed).choice(unseen)
    added = Example(task.positive_examples[0].input, wrong)
    return dataclasses.replace(task, negative_examples=(added, *task.negative_examples))


def _cannot(task: Task, probe: str, found: str, expected: str) -> UserError:
    return UserError(f"task {clip(task.name)}: the probe {probe!r} is not possible, since {found}; {expected}")


for _name, _probe in (
    ("other-wording", other_wording),
    ("other-task", other_task),
    ("without-definition", without_definition),
    ("reordered-examples", reordered_examples),
    ("swapped-outputs", swapped_outputs),
    ("shuffled-options", shuffled_options),
    ("negative-example", negative_example),
):
    PROBES.add(_name, _probe)
