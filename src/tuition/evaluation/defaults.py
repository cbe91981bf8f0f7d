"""Which metrics a task is judged by where nobody says: the papers' two, its own, and accuracy if it classifies."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from tuition.base.errors import UserError, clip
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.options import closed_options
from tuition.tasks.types import Instance, Task

ALWAYS = ("rouge_l", "exact_match")
"""The metrics of Super-NaturalInstructions, which every task is judged by."""

# PromptSource's names of metrics; those that it knows and we have nothing like (AUC, Pearson, Other) are left out.
_PROMPTSOURCE = {
    "accuracy": ("accuracy",),
    "bleu": ("bleu",),
    "rouge": ("rouge_l", "rouge_1"),
    "squad": ("f1_squad", "exact_match_squad"),
    "trivia qa": ("f1_squad", "exact_match_squad"),
    "coqa f1": ("f1_squad",),
}
_ROWS_LOOKED_AT = 500
_KEY = "metrics"


def default_metrics(task: Task, rows: Iterable[Instance] | None = None) -> tuple[str, ...]:
    """Return the metrics of a task: ROUGE-L and exact match, those that it names itself, and accuracy if it classifies.

    A task names metrics by a list under `metrics` of what its file says besides (`Task.extra`), or by its templates'
    (PromptSource). It classifies if it has options or if the outputs of its first 500 rows are a closed set; `rows` are
    these, where they have been read already.

    Raises:
        UserError: the task names a metric that there is not.
    """
    looked_at = itertools.islice(task.instances() if rows is None else rows, _ROWS_LOOKED_AT)
    closed = task.options or closed_options(row.outputs for row in looked_at)
    chosen = (*ALWAYS, *_named(task), *(("accuracy",) if closed else ()))
    return tuple(dict.fromkeys(chosen))


def _named(task: Task) -> tuple[str, ...]:
    told = task.extra.get(_KEY, ())
    names = [told] if isinstance(told, str) else list(told) if isinstance(told, (list, tuple)) else []
    if unknown := [str(name) for name in names if name not in METRICS]:
        raise UserError(
            f"task {clip(task.name, 80)} names the metric {clip(unknown[0], 40)!r}; there are {', '.join(METRICS)}"
        )
    of_templates = [name.casefold() for template in task.templates for name in template.metrics]
    return (*names, *itertools.chain.from_iterable(_PROMPTSOURCE.get(name, ()) for name in of_templates))
