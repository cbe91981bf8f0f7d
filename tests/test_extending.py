"""A metric, a tuner, a reader, an engine: each needs one registry entry, and a toy one works wherever its kind does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tuition.base.errors import ProblemsError, UserError
from tuition.base.registry import Registry
from tuition.cli import app
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.metrics.metric import Metric, Profile, one_by_one
from tuition.models.recipes import RECIPES
from tuition.models.tuners import TUNERS
from tuition.models.tuners.full import Full
from tuition.models.tuners.lora import LoRA
from tuition.reports.forecasting.predict import forecast_points
from tuition.reports.forecasting.source import points_of_arrays
from tuition.studies.engines import ENGINES, Failure, Watcher
from tuition.studies.engines.local import LocalEngine
from tuition.studies.planning.estimate import outline
from tuition.studies.planning.plan import Plan, make_plan
from tuition.studies.planning.steps import Step
from tuition.studies.spec.study import StudySpec, parse_study
from tuition.studies.storage.store import Store
from tuition.tasks.collection import Collection
from tuition.tasks.readers import READERS
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.reader import Audit, Reader
from tuition.tasks.types import Instance, Task

Register = Callable[[Registry[Any], str, object], None]


@pytest.fixture
def register() -> Iterator[Register]:
    """Return a function that adds an entry to a registry, which loses it after the test."""
    added: list[tuple[Registry[Any], str]] = []

    def add(registry: Registry[Any], name: str, entry: object) -> None:
        registry.add(name, entry)
        added.append((registry, name))

    yield add
    for registry, name in added:
        registry.remove(name)


def tuition(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})


def refused(*arguments: object) -> str:
    done = tuition(*arguments)
    assert isinstance(done.exception, UserError), (done.output, done.exception)
    return str(done.exception)


def study(collection: Path, model: Path, arm: dict[str, object], **changes: object) -> dict[str, object]:
    """A study of one arm."""
    evaluate = {"test": 4, "validation": 1, "new_tokens": 2, **changes.pop("evaluate", {})}  # type: ignore[dict-item]
    return {
        "study": "toy",
        "tasks": {"collection": str(collection)},
        "model": str(model),
        "precision": "float32",
        "arms": {"only": [arm]},
        "labels": [4],
        "evaluate": evaluate,
        **changes,
    }


HEURISTIC = {"setting": "heuristic", "heuristic": "copy-input"}


def written(folder: Path, data: dict[str, object]) -> Path:
    file = folder / "study.yaml"  # JSON is YAML
    file.write_text(json.dumps(data), encoding="utf-8")
    return file


# A metric


def same_length(prediction: str, references: Sequence[str]) -> float:
    return float(any(len(prediction) == len(reference) for reference in references))


def toy_metric(**changes: Any) -> Metric:
    return Metric(
        name="toy",
        title="Same length",
        description="1 where the answer is as long as a reference.",
        score=same_length,
        score_many=one_by_one(same_length),
        profile=Profile(tokenizer="characters", normalisation="none", references="best", source="these tests"),
        **changes,
    )


def test_a_metric_scores_a_study_and_its_title_is_in_the_table_and_the_report(
    register: Register, write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    register(METRICS, "toy", toy_metric())
    file = written(tmp_path, study(write_task(), tiny_model, HEURISTIC, evaluate={"metrics": ["toy"]}))
    done = tuition("run", file, "--out", tmp_path / "out")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "Same length" in done.stdout
    assert "Same length" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert ",toy," in (tmp_path / "out" / "scores.csv").read_text(encoding="utf-8")


def test_a_metric_scores_stored_predictions_and_is_compared_with_what_another_tool_calls_so(
    register: Register, tmp_path: Path
) -> None:
    register(METRICS, "toy", toy_metric(aliases=("ter",)))
    rows = [
        {"doc_id": at, "target": "red", "resps": [[text]], "filtered_resps": [text], "filter": "none", "ter": 1.0}
        for at, text in enumerate(["one", "three"])
    ]
    log = tmp_path / "samples_made_2026-01-01T00-00-00.000000.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = json.loads(tuition("score", log, "--profile", "toy", "--json").stdout)
    assert told["profiles"]["toy"]["title"] == "Same length"
    [verdict] = told["verdicts"]
    assert (verdict["name"], verdict["ours"], verdict["own_value"], verdict["differ"]) == ("ter", "toy", 50.0, 1)


def test_a_metric_states_whether_forecasts_take_its_curves_for_a_language_models(register: Register) -> None:
    register(METRICS, "toy_text", toy_metric())
    register(METRICS, "toy_other", toy_metric(scores_text=False))
    widths = {}
    for metric in ("toy_text", "toy_other", "not_registered"):
        columns = {"labels": [8, 16, 32, 64], "value": [0.3, 0.45, 0.5, 0.6], "metric": [metric] * 4}
        [made] = forecast_points(points_of_arrays(columns, None, 1.0), at=[256])
        widths[metric] = made.at[0].high80 - made.at[0].low80
    assert widths["toy_text"] > widths["toy_other"] == widths["not_registered"]


# A tuner


@dataclass(frozen=True, slots=True)
class ToyAdapter(LoRA):
    rank: int = 1
    title: ClassVar[str] = "toy adapter"


@dataclass(frozen=True, slots=True)
class ToyWeights(Full):
    recipe: ClassVar[str] = "toy-recipe"


def test_a_tuner_is_trained_by_its_recipe_named_in_the_report_exported_and_used_again(
    register: Register, write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    register(TUNERS, "toy", ToyAdapter)
    out, to = tmp_path / "out", tmp_path / "exported"
    done = tuition(
        "learn", write_task(), "--tuner", "toy", "--model", tiny_model, "--labels", "4", "--test", "2", "--out", out
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert "recipe small-data (toy)" in (out / "report.html").read_text(encoding="utf-8")
    done = tuition("export", out, "--to", to)
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads((to / "tuition.json").read_text())["tuner"] == "toy"
    assert json.loads((to / "adapter_config.json").read_text())["r"] == 1
    assert tuition("predict", to, "--input", "thing 1 is red").exit_code == 0


def test_a_tuner_of_the_bases_own_weights_is_exported_only_merged(
    register: Register, write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    register(TUNERS, "toy", ToyWeights)
    register(RECIPES, "toy-recipe", RECIPES["small-data-full"])
    out = tmp_path / "out"
    done = tuition(
        "learn", write_task(), "--tuner", "toy", "--model", tiny_model, "--labels", "4", "--test", "2", "--out", out
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert "export it with --merge" in refused("export", out, "--to", tmp_path / "adapter")
    done = tuition("export", out, "--merge", "--to", tmp_path / "merged")
    assert done.exit_code == 0, (done.output, done.exception)
    assert (tmp_path / "merged" / "model.safetensors").is_file()


def test_a_tuner_states_whether_it_trains_upon_four_bits(
    register: Register, write_task: Callable[..., Path], tiny_model: Path
) -> None:
    register(TUNERS, "toy", ToyAdapter)
    register(TUNERS, "toy_weights", ToyWeights)

    def parsed(tuner: str) -> StudySpec:
        arm = {"encoding": "definition", "recipe": {"name": "small-data", "tuner": tuner}}
        return parse_study(study(write_task(), tiny_model, arm, precision="nf4"), Path("x"))

    assert parsed("toy").arms["only"][0].recipe.tuner == "toy"
    with pytest.raises(ProblemsError, match="use the tuner lora or prompt or toy, and"):
        parsed("toy_weights")


def test_a_tuners_parameters_are_counted_before_it_trains(
    register: Register, write_task: Callable[..., Path], tiny_model: Path
) -> None:
    from tuition.models.load import model_shape

    register(TUNERS, "toy", ToyAdapter)
    counted = {}
    for tuner, options in (("toy", {}), ("lora", {"rank": 1}), ("lora", {"rank": 2})):
        arm = {"encoding": "definition", "recipe": {"name": "small-data", "tuner": tuner, "tuner_options": options}}
        plan = make_plan(
            parse_study(study(write_task(), tiny_model, arm), Path("x")), model_identity="m", precision="float32"
        )
        counted[tuner, *options.values()] = outline(plan.work, "float32", model_shape(str(tiny_model))).parameters
    assert counted["toy",] == counted["lora", 1]
    assert counted["lora", 2] == 2 * (counted["lora", 1] or 0)


# A reader


def toy_reader() -> Reader:
    def rows(path: Path) -> list[Instance]:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Instance(f"row-{at}", line, (line.upper(),)) for at, line in enumerate(lines)]

    def read_task(path: Path) -> Task:
        return Task("loud", definitions=("Say it loudly.",), read_instances=lambda: iter(rows(path)))

    def audit(path: Path) -> Iterator[Audit]:
        yield Audit(1, len(rows(path)), Findings(path).all())

    return Reader(
        "toy",
        "a .loud file of lines",
        lambda path: path.suffix == ".loud",
        lambda path: Collection(path, ("loud",), read_task=lambda name: read_task(path)),
        audit,
    )


def test_a_reader_is_found_by_what_it_recognises_and_by_its_name(register: Register, tmp_path: Path) -> None:
    for name in ("tasks.loud", "tasks.quiet"):
        (tmp_path / name).write_text("hello\ngood day\n", encoding="utf-8")
    register(READERS, "toy", toy_reader())
    assert "2 sound instances" in tuition("check", tmp_path / "tasks.loud").stdout
    shown = tuition("show", tmp_path / "tasks.loud", "loud", "--encoding", "definition").stdout
    assert "Say it loudly." in shown
    assert "hello" in shown
    assert "2 sound instances" in tuition("check", tmp_path / "tasks.quiet", "--format", "toy").stdout
    assert "did you mean 'toy'" in refused("check", tmp_path / "tasks.quiet", "--format", "toi")


def test_a_readers_tasks_can_be_studied(register: Register, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "tasks.loud").write_text("".join(f"line {at}\n" for at in range(12)), encoding="utf-8")
    register(READERS, "toy", toy_reader())
    done = tuition(
        "run", written(tmp_path, study(tmp_path / "tasks.loud", tiny_model, HEURISTIC)), "--out", tmp_path / "out"
    )
    assert done.exit_code == 0, (done.output, done.exception)
    assert "loud" in done.stdout


# An engine


class ToyEngine:
    """The local engine, which first says how many steps there are."""

    def run(self, plan: Plan, store: Store, watcher: Watcher, pending: Sequence[Step]) -> list[Failure]:
        watcher.say(f"the toy engine runs {len(pending)} steps")
        return LocalEngine().run(plan, store, watcher, pending)


@pytest.fixture
def heuristic(write_task: Callable[..., Path], tiny_model: Path, tmp_path: Path) -> Path:
    """A study's file without a model at work."""
    return written(tmp_path, study(write_task(), tiny_model, HEURISTIC))


def test_an_engine_is_chosen_by_its_name(register: Register, heuristic: Path, tmp_path: Path) -> None:
    register(ENGINES, "toy", ToyEngine)
    done = tuition("run", heuristic, "--engine", "toy", "--out", tmp_path / "out")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "the toy engine runs 1 steps" in done.stderr
    assert (tmp_path / "out" / "scores.csv").is_file()
    done = tuition("run", heuristic, "--out", tmp_path / "usual")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "toy engine" not in done.stderr


def test_an_engine_is_chosen_from_python(
    register: Register, heuristic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tuition import run_study

    register(ENGINES, "toy", ToyEngine)
    run = run_study(heuristic, tmp_path / "out", engine="toy")
    assert not run.failed
    assert "the toy engine runs 1 steps" in capsys.readouterr().err


def test_an_engine_that_is_not_there_or_cannot_run_the_model_is_refused(heuristic: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "did you mean 'local'" in refused("run", heuristic, "--engine", "locla", "--out", out)
    assert not out.exists()
    assert "needs a model behind a server" in refused("run", heuristic, "--engine", "remote", "--out", out)
    changes = {"model": "openai:m@http://localhost:9", "precision": "auto"}
    remote = written(tmp_path, json.loads(heuristic.read_text()) | changes)
    assert "needs --engine remote" in refused("run", remote, "--engine", "local", "--out", tmp_path / "other")
