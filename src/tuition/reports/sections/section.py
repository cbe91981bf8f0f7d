"""What a section of the report page is, and what it is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

from tuition.reports.curve_charts import COLOURS, ArmStyle, arm_style
from tuition.reports.curves import Curve, learning_curves
from tuition.reports.forecast_summary import CurveKey, ForecastSummary, forecast_summaries
from tuition.reports.many_arms import MANY_ARMS, leading_arms, varying_names
from tuition.reports.wording import metric_title, shown_name
from tuition.studies.results import StudyResults


@dataclass(frozen=True, slots=True)
class ArmView:
    """How an arm is named and drawn, and whether it is one of the few that a page of many arms shows at once."""

    name: str
    colour: int
    style: ArmStyle
    leads: bool = True


class PageData:
    """A study's results, and what several sections need of them; each is computed when it is first used."""

    def __init__(self, results: StudyResults) -> None:
        """Keep the results of a study."""
        self.results = results

    @cached_property
    def curves(self) -> list[Curve]:
        """The learning curve of each task, arm and metric."""
        return list(learning_curves(self.results.scores))

    @cached_property
    def forecasts(self) -> Mapping[CurveKey, ForecastSummary]:
        """The forecast of each curve."""
        return forecast_summaries(self.results.scores)

    @cached_property
    def metrics(self) -> list[str]:
        """The names of the metrics that have scores, the study's first metric first."""
        return list(dict.fromkeys(curve.metric for curve in self.curves))

    @cached_property
    def charted(self) -> list[str]:
        """The names of the arms that have scores."""
        return list(dict.fromkeys(curve.arm for curve in self.curves))

    @cached_property
    def many(self) -> bool:
        """Whether there are so many arms that only the leading ones are shown at once."""
        return len(self.charted) > MANY_ARMS

    @cached_property
    def arm_names(self) -> Mapping[str, str]:
        """The short name of each arm, without what all arms have in common."""
        return varying_names(dict.fromkeys([*self.charted, *(row.arm for row in self.results.predictions)]))

    @cached_property
    def arms(self) -> Mapping[str, ArmView]:
        """How each arm is drawn, those without scores last."""
        leading = leading_arms(self.curves, self.results.baseline)
        return {
            arm: ArmView(shown_name(name), i % COLOURS, arm_style(i), not self.many or arm in leading)
            for i, (arm, name) in enumerate(self.arm_names.items())
        }

    @cached_property
    def tasks(self) -> list[str]:
        """The names of the tasks; a task's number in the page's addresses is its position here, counted from 1."""
        scored, answered = self.results.scores, self.results.predictions
        return list(dict.fromkeys([row.task for row in scored] + [row.task for row in answered]))

    def shared(self) -> Mapping[str, Any]:
        """Return the names that every section's template may use."""
        return {
            "study": self.results.study,
            "arms": self.arms,
            "charted": self.charted,
            "many": self.many,
            "metrics": [metric_title(metric) for metric in self.metrics],
            "seed_count": len({seed for curve in self.curves for point in curve.points for seed in point.seeds}),
        }


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page.

    Attributes:
        title: the text of its link at the top of the page; empty for none. The link's target is the name under which
            the section is registered, which the template gives to its element as `id`.
        template: Jinja text; it may use what `PageData.shared` and `context` return. All values are escaped.
        context: returns the values that the template needs; None leaves the section out.
        css: style rules that only this section needs.
        script: JavaScript that only this section needs; plotly is loaded before it.
        data: returns what the script reads, as JSON, from the element whose `id` is the section's name and `-data`.
    """

    title: str
    template: str
    context: Callable[[PageData], Mapping[str, Any] | None]
    css: str = ""
    script: str = ""
    data: Callable[[PageData], object] | None = None


def packaged(name: str) -> str:
    """Return the text of a file in this folder."""
    return resources.files("tuition.reports.sections").joinpath(name).read_text(encoding="utf-8")
