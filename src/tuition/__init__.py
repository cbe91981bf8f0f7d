"""Tuition: instruction tuning and sample efficiency for language models.

The names below are the public Python API; docs/tutorials/from-python.md shows each of them at work. They load when
they are first used, so that `import tuition` answers at once and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tuition.base.version import __version__ as __version__

if TYPE_CHECKING:
    from tuition.api.data import encode, open_collection
    from tuition.api.runs import Run, open_run
    from tuition.api.scores import score
    from tuition.api.studies import evaluate, learn, load_study, run_study
    from tuition.base.errors import UserError
    from tuition.evaluation.metrics import rouge_l
    from tuition.prompts.encodings import ENCODINGS
    from tuition.reports.forecasting.api import forecast

__all__ = [
    "ENCODINGS",
    "Run",
    "UserError",
    "encode",
    "evaluate",
    "forecast",
    "learn",
    "load_study",
    "open_collection",
    "open_run",
    "rouge_l",
    "run_study",
    "score",
]

_MODULES = {
    "ENCODINGS": "tuition.prompts.encodings",
    "Run": "tuition.api.runs",
    "UserError": "tuition.base.errors",
    "encode": "tuition.api.data",
    "evaluate": "tuition.api.studies",
    "forecast": "tuition.reports.forecasting.api",
    "learn": "tuition.api.studies",
    "load_study": "tuition.api.studies",
    "open_collection": "tuition.api.data",
    "open_run": "tuition.api.runs",
    "rouge_l": "tuition.evaluation.metrics",
    "run_study": "tuition.api.studies",
    "score": "tuition.api.scores",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'tuition' has no attribute {name!r}; its names are {', '.join(__all__)}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
