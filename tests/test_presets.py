"""Every preset from its name to its report, on tiny models, cut down by the options that a user has."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tuition.base.errors import UserError
from tuition.base.yamltext import load_yaml
from tuition.cli import app
from tuition.studies.presets import PRESETS, find_study, list_presets
from tuition.studies.spec.study import StudySpec, read_study

SMALL = [
    "--seeds", "1", "--set", "judge.test=3", "--set", "judge.validation=1", "--set", "judge.new_tokens=2",
    "--set", "precision=float32", "--set", "arms.*.recipe.total_steps=1", "--set", "arms.*.recipe.batch_size=2",
]  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """How a preset is cut down: on what, by which model, and how many models it then learns."""

    tasks: str
    model: str
    models: int
    options: tuple[str, ...] = ()
    labels: tuple[int, ...] = (0,)


CUTS = {
    "demo": Cut("starter", "llama", 2, ("--labels", "0,2", "--task", "task001"), (0, 2)),
    # Two first stages; three single-task arms with a model a task, three multi-task arms, at two budgets with labels.
    "quick-learners": Cut(
        "starter", "t5", 2 + 3 * 2 * 2 + 3 * 2,
        ("--labels", "0,2,4", "--seen-labels", "2", "--task", "task002", "--task", "task004"), (0, 2, 4),
    ),
    "quick-learners-small": Cut(
        "named", "llama", 2 + 6 * 2 + 6,
        ("--labels", "0,2", "--seen-labels", "2", "--task", "task1153", "--task", "task392"), (0, 2),
    ),
    "tk-instruct": Cut("starter", "t5", 3, ("--labels", "0,2", "--seen-labels", "2", "--task", "task002"), (0, 2)),
    # The task has two positive examples, so that four tell no more: of the ten encodings, two pairs are one model each.
    "tk-instruct-encodings": Cut("starter", "t5", 8, ("--seen-labels", "1", "--task", "task004")),
    # Tasks of twenty rows: 8, 16 and all of them, whatever more is asked for.
    "tk-instruct-instances": Cut("named", "t5", 3, ("--split", "task=task050")),
    # Of four tasks in two categories one each is judged, and the bound has a model for each.
    "natural-instructions": Cut(
        "ni", "bart", 13 + 2, ("--labels", "4", "--seen-labels", "4", "--split", "random=1/category"), (4,)
    ),
    "flan": Cut("flan", "llama", 3, ("--seen-labels", "2")),
    "flan-few-shot": Cut("flan", "llama", 1, ("--seen-labels", "2", "--labels", "0,4"), (0, 4)),
    # A first stage; two arms with a soft prompt a task and budget, of which `all` is here 12 of 15 rows.
    "flan-prompt-tuning": Cut("flan", "llama", 1 + 2 * 2, ("--seen-labels", "2", "--labels", "2,all"), (2, 12)),
    "t-few": Cut("flan", "t5", 4, ("--labels", "0,4", "--task", "rte"), (0, 4)),
    "icil": Cut("starter", "llama", 1, ("--seen-labels", "2", "--split", "task=task001")),
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny_bart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BART of two layers with ByT5's tokenizer."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration, ByT5Tokenizer

    folder = tmp_path_factory.mktemp("tiny-bart")
    torch.manual_seed(0)
    config = BartConfig(
        vocab_size=384, d_model=32, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=48, decoder_ffn_dim=48,
        encoder_attention_heads=4, decoder_attention_heads=4, max_position_embeddings=1024, pad_token_id=0,
        bos_token_id=3, eos_token_id=1, decoder_start_token_id=1, forced_eos_token_id=None,
    )  # fmt: skip
    BartForConditionalGeneration(config).save_pretrained(folder)
    ByT5Tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tiny_model: Path, tiny_t5: Path, tiny_bart: Path) -> dict[str, Path]:
    return {"llama": tiny_model, "t5": tiny_t5, "bart": tiny_bart}


def _rows(name: str, count: int) -> list[dict[str, object]]:
    return [
        {"id": f"{name}-{at}", "input": f"thing {at} of {name}", "output": [f"out {at % 3}"]} for at in range(count)
    ]


def _named(folder: Path) -> Path:
    """Write a task under each name that the small study has."""
    choice = load_yaml(PRESETS["quick-learners-small"].read_text(encoding="utf-8"), Path("x.yaml"))["tasks"]
    example = {"input": "a", "output": "b", "explanation": ""}
    for name in (*choice["seen"], *choice["names"]):
        task = {"Definition": [f"Do {name}."], "Positive Examples": [example], "Negative Examples": []}
        (folder / f"{name}_made.json").write_text(json.dumps({**task, "Instances": _rows(name, 20)}))
    return folder


def _ni(folder: Path) -> Path:
    """Write four tasks of Natural Instructions v1, in two categories."""
    for number in range(4):
        example = {"input": "p", "output": "q", "reason": "r", "suggestion": "-"}
        task = {
            "Title": "t", "Prompt": f"Ask {number}.", "Definition": f"You ask {number}.", "Things to Avoid": "No.",
            "Emphasis & Caution": "Do.", "Examples": {"Positive Examples": [example], "Negative Examples": [example]},
            "Categories": [f"Kind {number % 2}"], "Instances": _rows(f"subtask{number}", 20),
        }  # fmt: skip
        (folder / f"subtask{number:03}_made.json").write_text(json.dumps(task))
    return folder


def _flan(folder: Path) -> Path:
    """Write three clusters of a data set each, one of which is held out."""
    clusters: dict[str, dict[str, object]] = {}
    for cluster, name in (("nli", "rte"), ("topic", "news"), ("sentiment", "films")):
        (folder / cluster).mkdir()
        rows = [{"fields": {"text": f"{name} {at}"}, "label": "yes" if at % 2 else "no"} for at in range(16)]
        (folder / cluster / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        template = {"name": "ask", "jinja": "{{text}}: yes or no? ||| {{answer_choices[label]}}"}
        template["answer_choices"] = "Yes ||| No"
        clusters[cluster] = {
            name: {"fields": ["text"], "labels": ["yes", "no"], "label_meaning": "is it", "templates": [template]}
        }
    (folder / "clusters.yaml").write_text(json.dumps({"clusters": clusters}))
    return folder


@pytest.fixture
def collections(tmp_path: Path) -> Callable[[str], str]:
    def make(name: str) -> str:
        if name == "starter":
            return name
        folder = tmp_path / name
        folder.mkdir()
        return str({"named": _named, "ni": _ni, "flan": _flan}[name](folder))

    return make


def tuition(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    done = tuition(*arguments)
    assert isinstance(done.exception, UserError), done.exception
    return str(done.exception)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_runs_to_its_report(
    name: str, models: dict[str, Path], collections: Callable[[str], str], tmp_path: Path
) -> None:
    cut, out = CUTS[name], tmp_path / "out"
    given = (name, "--tasks", collections(cut.tasks), "--model", models[cut.model], *cut.options, *SMALL, "--out", out)
    planned = tuition("run", *given, "--plan", "--json")
    assert planned.exit_code == 0, planned.exception
    assert not out.exists()
    outline = json.loads(planned.stdout)
    assert outline["left"]["training"] == cut.models
    done = tuition("run", *given)
    assert done.exit_code == 0, (done.output, done.exception)
    assert len(list((out / "adapters").iterdir())) == cut.models
    rows = list(csv.DictReader((out / "scores.csv").open(newline="", encoding="utf-8")))
    spec = read_study(PRESETS[name], _with_tasks)
    points = {
        (task, arm, labels)
        for task in outline["tasks"]
        for arm, stages in spec.arms.items()
        for labels in ((0,) if stages[-1].on == "seen" else cut.labels)
    }
    for metric in (*(spec.evaluate.metrics or ()), *(f"rank_{way}" for way in spec.evaluate.rank)):
        judged = {(row["task"], row["arm"], int(row["labels"])) for row in rows if row["metric"] == metric}
        assert judged == points
    assert {row["n"] for row in rows} == {"3"}
    assert (out / "report.html").stat().st_size > 10_000
    again = json.loads(tuition("run", *given, "--plan", "--json").stdout)
    assert again["left"] | {"tokens": 0} == again["left"]
    assert again["left"]["training"] == again["left"]["judging"] == 0


def _with_tasks(data: object) -> object:
    assert isinstance(data, dict)
    return {**data, "tasks": {"collection": "starter", **data["tasks"]}}


def test_every_preset_says_what_it_is_and_what_it_differs_in() -> None:
    for preset in list_presets():
        text = PRESETS[preset.name].read_text(encoding="utf-8")
        assert text.startswith(f"# {preset.about}\n")
        assert preset.about.endswith((".", "?"))
        assert len(preset.about) <= 97  # a line of the list
        if preset.name != "demo":
            assert f"#   tuition run {preset.name} --tasks PATH" in text
            assert "Cost:" in text
            assert "Other than there:" in text
        spec = read_study(PRESETS[preset.name], _with_tasks)
        assert isinstance(spec, StudySpec)
        assert spec.study == preset.name


def test_the_list_of_presets_has_a_line_for_each() -> None:
    told = tuition("presets").stdout.splitlines()
    assert [line.split()[0] for line in told[1:-1]] == list(PRESETS)
    listed = json.loads(tuition("presets", "--json").stdout)
    assert [preset["name"] for preset in listed] == list(PRESETS)


def test_the_small_study_has_the_factors_of_the_thesis_crossed_whole() -> None:
    arms = read_study(PRESETS["quick-learners-small"], _with_tasks).arms
    crossed = {
        (stages[0].encoding if len(stages) > 1 else None, stages[-1].encoding, stages[-1].setting)
        for stages in arms.values()
    }
    both = ("quick-learners-input-only", "quick-learners")
    assert crossed == {(a, b, c) for a in (None, *both) for b in both for c in ("single-task", "multi-task")}
    for name, stages in arms.items():
        first, second, setting = name.split(", ")
        assert setting == stages[-1].setting
        assert second == ("plain" if stages[-1].encoding == both[0] else "instructed")
        assert first == ("none" if len(stages) == 1 else "without" if stages[0].encoding == both[0] else "with")


def test_the_matrix_has_a_cell_for_every_pair_of_encodings() -> None:
    arms = read_study(PRESETS["tk-instruct-encodings"], _with_tasks).arms
    by_name = {name.partition(" > ")[0]: stages[0].encoding for name, stages in arms.items()}
    assert len(arms) == 100
    assert len(set(by_name.values())) == 10
    for name, (learnt, asked) in arms.items():
        row, _, column = name.partition(" > ")
        assert (learnt.encoding, asked.encoding) == (by_name[row], by_name[column])


def test_the_small_study_can_be_planned_on_the_real_tasks(superni: Path, tiny_model: Path) -> None:
    done = tuition("run", "quick-learners-small", "--tasks", superni, "--model", tiny_model, "--plan", "--json")
    told = json.loads(done.stdout)
    assert (told["left"]["training"], told["left"]["judging"], len(told["tasks"])) == (110, 240, 8)


def test_a_preset_without_a_collection_asks_for_one() -> None:
    assert "give --tasks PATH" in refused("run", "flan")
    assert "give --tasks PATH" in refused("run", "flan", "--plan")


def test_a_name_that_is_neither_file_nor_preset_suggests_one() -> None:
    assert "did you mean 'quick-learners'" in refused("run", "quick-lerners")
    assert "the preset is called 'flan'" in refused("run", "flan.yaml")
    assert "cannot be read" in refused("run", "studies/flan")


def test_a_file_of_a_presets_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "icil").mkdir()  # a folder does not
    assert find_study("icil").file == PRESETS["icil"]
    (tmp_path / "flan").write_text("study: mine")
    assert find_study("flan").file == Path("flan")
    assert "tasks is missing" in refused("run", "flan")


def test_a_preset_is_written_to_a_file_as_it_is_and_as_it_was_changed(tmp_path: Path) -> None:
    plain, changed = tmp_path / "plain.yaml", tmp_path / "changed.yaml"
    assert tuition("run", "tk-instruct", "--write", plain).exit_code == 0
    assert plain.read_text(encoding="utf-8") == PRESETS["tk-instruct"].read_text(encoding="utf-8")
    given = ("--tasks", "starter", "--labels", "0,6%,all", "--set", "arms.*.recipe.epochs=1", "--arm", "*bound")
    assert tuition("run", "tk-instruct", *given, "--write", changed).exit_code == 0
    text = changed.read_text(encoding="utf-8")
    assert text.startswith("# Tk-Instruct (Wang et al. 2022)")
    spec = read_study(changed)
    assert (spec.tasks.collection, spec.labels, list(spec.arms)) == ("starter", (0, "6%", "all"), ["upper bound"])
    assert spec.arms["upper bound"][0].recipe.epochs == 1
    assert spec.arms["upper bound"][0].recipe.learning_rate == 5e-5
    assert "exists already" in refused("run", "tk-instruct", "--write", plain)
    assert "unknown key evaluate.tests" in refused(
        "run", "tk-instruct", "--set", "judge.tests=3", "--write", tmp_path / "x.yaml"
    )
    assert not (tmp_path / "x.yaml").exists()
