"""Baselines without a model, to compare a model's answers with: copied inputs and examples, and the majority label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tuition.base.registry import Registry
from tuition.tasks.types import Instance, Task

Heuristic = Callable[[Task, Instance, Sequence[Instance]], str]
"""Answers an instance of a task, given the task and the labelled instances."""

BASELINES: Registry[Heuristic] = Registry("heuristic")


def copy_input(task: Task, row: Instance, labels: Sequence[Instance]) -> str:
    """Answer with the input itself (Wang et al. 2022, Table 3: "Copying Instance Input")."""
    del task, labels
    return row.input


def copy_example(task: Task, row: Instance, labels: Sequence[Instance]) -> str:
    """Answer with the first worked example's output (Wang et al. 2022, Table 3: "Copying Demo. Output").

    For a task without examples the answer is the output of the first labelled instance, or empty without labels.
    """
    del row
    if task.positive_examples:
        return task.positive_examples[0].output
    return labels[0].outputs[0] if labels else ""


def majority_label(task: Task, row: Instance, labels: Sequence[Instance]) -> str:
    """Answer with the most common output among the labels (the first one on a tie); without labels, of the examples."""
    del row
    known = [label.outputs[0] for label in labels] or [example.output for example in task.positive_examples]
    return Counter(known).most_common(1)[0][0] if known else ""


BASELINES.add("copy-input", copy_input)
BASELINES.add("copy-example", copy_example)
BASELINES.add("majority-label", majority_label)
