"""Probes: the same task told otherwise, to show what a model follows; each gives a task that differs in one thing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from tuition.base.errors import UserError, clip
from tuition.base.registry import Registry
from tuition.base.seeds import named_random
from tuition.tasks.types import Example, Task

Probe = Callable[[Task, Sequence[Task], int], Task]
"""The task told otherwise; other tasks of its collection are at hand, and a seed decides draws."""

PROBES: Registry[Probe] = Registry("probe")


def other_wording(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Tell another of the task's own wordings of its definition.

    Raises:
        UserError: it has only one.
    """
    del others
    if len(task.definitions) < 2:
        raise _cannot(task, "other-wording", "its definition has one wording", "give `definitions` a second one")
    place = named_random("probe", "wording", task.name, seed).randrange(1, len(task.definitions))
    rest = [told for at, told in enumerate(task.definitions) if at != place]
    return dataclasses.replace(task, definitions=(task.definitions[place], *rest))


def other_task(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Tell the definition of another task: a model that answers as well does not read it.

    Raises:
        UserError: there is no other task with another definition.
    """
    strange = [other for other in others if other.definition.strip() not in ("", task.definition.strip())]
    if not strange:
        raise _cannot(task, "other-task", "no other task has another definition", "use a collection with more tasks")
    chosen = named_random("probe", "definition", task.name, seed).choice(strange)
    return dataclasses.replace(task, definitions=chosen.definitions)


def without_definition(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Tell no definition, the examples alone."""
    del others, seed
    return dataclasses.replace(task, definitions=())


def reordered_examples(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Tell the positive examples in the reverse order.

    Raises:
        UserError: it has fewer than two.
    """
    del others, seed
    if len(task.positive_examples) < 2:
        raise _cannot(task, "reordered-examples", "it has fewer than two positive examples", "add examples")
    return dataclasses.replace(task, positive_examples=tuple(reversed(task.positive_examples)))


def swapped_outputs(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Tell the positive examples with each other's outputs: what a model makes of wrong examples.

    Raises:
        UserError: its examples all have one output.
    """
    del others, seed
    outputs = [example.output for example in task.positive_examples]
    if len(set(outputs)) < 2:
        raise _cannot(task, "swapped-outputs", "its examples have no two different outputs", "add examples")
    moved = zip(task.positive_examples, [*outputs[1:], outputs[0]], strict=True)
    told = tuple(dataclasses.replace(example, output=output, explanation="") for example, output in moved)
    return dataclasses.replace(task, positive_examples=told)


def shuffled_options(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Tell the answer options in another order.

    Raises:
        UserError: it has fewer than two.
    """
    del others
    if len(task.options) < 2:
        raise _cannot(task, "shuffled-options", "it has no closed options", "give it options")
    draw = named_random("probe", "options", task.name, seed)
    order = list(task.options)
    while tuple(order) == task.options:
        draw.shuffle(order)
    return dataclasses.replace(task, options=tuple(order))


def negative_example(task: Task, others: Sequence[Task], seed: int) -> Task:
    """Add a negative example, as the thesis did to cure its Task 242 (section 5.2.5): a wrong answer, told as one.

    The first example's input gets an output that none of the examples shows. Only an encoding that tells negative
    examples tells it.

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
    told = Example(task.positive_examples[0].input, wrong)
    return dataclasses.replace(task, negative_examples=(told, *task.negative_examples))


def _cannot(task: Task, probe: str, found: str, expected: str) -> UserError:
    return UserError(f"task {clip(task.name)}: the probe {probe!r} cannot be made, since {found}; {expected}")


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
