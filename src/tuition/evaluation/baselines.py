"""Answers without a model, beside which a model's have to stand: copied inputs and examples, and the majority label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tuition.base.registry import Registry
from tuition.tasks.types import Instance, Task

Heuristic = Callable[[Task, Instance, Sequence[Instance]], str]
"""An answer to an instance of a task, from the task and the labels that are known."""

BASELINES: Registry[Heuristic] = Registry("heuristic")


def copy_input(task: Task, row: Instance, labels: Sequence[Instance]) -> str:
    """Answer with the input itself (Wang et al. 2022, Table 3: "Copying Instance Input")."""
    del task, labels
    return row.input


def copy_example(task: Task, row: Instance, labels: Sequence[Instance]) -> str:
    """Answer with the first worked example's output (Wang et al. 2022, Table 3: "Copying Demo. Output").

    A task without examples answers with its first label's output, and without labels with nothing.
    """
    del row
    if task.positive_examples:
        return task.positive_examples[0].output
    return labels[0].outputs[0] if labels else ""


def majority_label(task: Task, row: Instance, labels: Sequence[Instance]) -> str:
    """Answer with the commonest output among the labels, the first of several; without labels, among the examples."""
    del row
    known = [label.outputs[0] for label in labels] or [example.output for example in task.positive_examples]
    return Counter(known).most_common(1)[0][0] if known else ""


BASELINES.add("copy-input", copy_input)
BASELINES.add("copy-example", copy_example)
BASELINES.add("majority-label", majority_label)
