"""`tuition score`, as its users call it."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score
from typer.testing import CliRunner

from tuition.base.errors import UserError
from tuition.cli import app
from tuition.evaluation.metrics import METRICS

ROWS = [
    {"task": "t1", "id": "1", "prediction": "the cats sat", "references": ["a cat sat", "cats sit"], "category": "X"},
    {"task": "t1", "id": "2", "prediction": "", "references": ["a dog"], "category": "X"},
    {"task": "t2", "id": "3", "prediction": "yes", "references": ["yes"], "category": "Y"},
    {"task": "t2", "id": "4", "prediction": "no", "references": ["yes"], "category": "Y"},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def call(*arguments):
    done = CliRunner().invoke(app, ["score", *arguments])
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.exception
    return done.stdout


def figure(told, metric, level="overall", group="", average="micro"):
    [one] = [
        one
        for one in told["systems"][0]["figures"]
        if (one["metric"], one["level"], one["group"], one["average"]) == (metric, level, group, average)
    ]
    return one


def test_the_table_shows_profiles_side_by_side(tmp_path) -> None:
    out = call(write(tmp_path / "p.jsonl", ROWS), "--profile", "rouge_l", "--profile", "f1_squad", "--by", "task")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["task", "average", "n", "rouge_l", "f1_squad"]
    assert [line[0] for line in lines[1:]] == ["t1", "t2", "all", "all"]
    assert lines[2][:5] == ["t2", "over", "instances", "2", "50.00"]


def test_figures_equal_the_peers_to_the_last_digit_that_they_print(tmp_path) -> None:
    profiles = [f"--profile={name}" for name in ("rouge_l", "rouge_1", "bleu", "chrf", "accuracy", "macro_f1")]
    told = json.loads(call(write(tmp_path / "p.jsonl", ROWS), *profiles, "--json"))
    predictions = [row["prediction"] for row in ROWS]
    references = [row["references"] for row in ROWS]
    for name, key in (("rouge_l", "rougeL"), ("rouge_1", "rouge1")):
        scorer = RougeScorer([key], use_stemmer=True)
        scores = [
            scorer.score_multi(own, said)[key].fmeasure for said, own in zip(predictions, references, strict=True)
        ]
        assert figure(told, name)["value"] == pytest.approx(100 * sum(scores) / 4, rel=1e-14)
    streams = [[own[0] for own in references], [[*own, None][1] for own in references]]
    for name, peer in (("bleu", sacrebleu.corpus_bleu), ("chrf", sacrebleu.corpus_chrf)):
        assert figure(told, name)["value"] == pytest.approx(peer(predictions, streams).score, rel=1e-14)
    classes = figure(told, "macro_f1", "task", "t2"), figure(told, "accuracy", "task", "t2")
    expected = f1_score(["yes", "yes"], ["yes", "no"], labels=["yes"], average="macro"), accuracy_score([1, 1], [1, 0])
    assert [one["value"] for one in classes] == pytest.approx([100 * value for value in expected])


def test_json_has_every_figure_with_n_and_interval(tmp_path) -> None:
    told = json.loads(call(write(tmp_path / "p.jsonl", ROWS), "--json", "--by", "instance"))
    assert list(told["profiles"]) == ["rouge_l", "exact_match"]
    assert told["profiles"]["rouge_l"]["equals"].startswith("rouge_score")
    for one in told["systems"][0]["figures"]:
        assert 0 <= one["low"] <= one["value"] <= one["high"] <= 100
        assert one["n"] in (2, 4)
    assert {one["level"] for one in told["systems"][0]["figures"]} == {
        "overall",
        "task",
        "category",
        "dataset",
        "language",
    }
    assert figure(told, "exact_match", average="macro")["value"] == 25.0
    assert told["systems"][0]["instances"][2] == {
        "task": "t2", "instance": "3", "scores": {"rouge_l": 100.0, "exact_match": 100.0},
    }  # fmt: skip
    assert told["systems"][0]["empty"] == 1
    assert told["notices"] == ["1 of 4 predictions are empty"]


def test_classification_also_gets_accuracy(tmp_path) -> None:
    rows = [{"prediction": "yes", "reference": answer, "id": str(at)} for at, answer in enumerate(["yes", "no"] * 6)]
    told = json.loads(call(write(tmp_path / "p.jsonl", rows), "--json"))
    assert list(told["profiles"]) == ["rouge_l", "exact_match", "accuracy"]


def test_every_profile_can_be_asked_for_at_once_and_instances_be_listed(tmp_path) -> None:
    path = write(tmp_path / "p.jsonl", ROWS)
    out = call(path, *(f"--profile={name}" for name in METRICS), "--by", "instance")
    assert all(name in out for name in METRICS)
    assert [line.split()[-5:] for line in out.splitlines()][3] == ["100.00"] * 5
    assert len(out.splitlines()) == 5 * -(-len(METRICS) // 5)


def test_references_come_from_a_collection(tmp_path, write_task) -> None:
    folder = write_task(1)
    path = write(tmp_path / "p.jsonl", [{"id": f"task001-{at}", "prediction": "red"} for at in range(6)])
    told = json.loads(call(path, "--references", str(folder), "--json"))
    assert figure(told, "exact_match")["value"] == pytest.approx(100 / 3)
    assert told["coverage"] == [{"system": "", "task": "task001_colours", "answered": 6, "instances": 40}]
    assert "task001_colours with 6 of 40 instances" in told["notices"][0]
    with pytest.raises(UserError, match="34 instances have no prediction"):
        call(path, "--references", str(folder), "--complete")


def test_systems_stand_one_below_the_other(tmp_path) -> None:
    rows = [
        {"system": name, "id": "1", "prediction": said, "reference": "b"} for name, said in (("m", "a"), ("[n]", "b"))
    ]
    lines = call(write(tmp_path / "p.jsonl", rows), "--profile", "exact_match").splitlines()
    assert [line.split()[0] for line in lines] == ["system", "m", "[n]"]
    assert [line.split()[5] for line in lines[1:]] == ["0.00", "100.00"]


def test_what_cannot_be_meant_is_refused(tmp_path) -> None:
    path = write(tmp_path / "p.jsonl", ROWS)
    with pytest.raises(UserError, match="did you mean 'rouge_l'"):
        call(path, "--profile", "rogue_l")
    with pytest.raises(UserError, match="--by month"):
        call(path, "--by", "month")


def test_a_hundred_thousand_words_are_scored(tmp_path) -> None:
    long = "word and some other " * 25_000
    rows = [
        {"id": "1", "prediction": long, "reference": long + "end"},
        {"id": "2", "prediction": "x" * 300_000, "reference": "שלום"},
    ]
    told = json.loads(
        call(
            write(tmp_path / "p.jsonl", rows),
            "--json",
            "--profile=rouge_l",
            "--profile=rouge_l_xlingual",
            "--profile=f1_squad",
        )
    )
    for name in ("rouge_l", "rouge_l_xlingual", "f1_squad"):
        assert figure(told, name)["value"] == pytest.approx(50, abs=0.01)


def test_problems_go_to_standard_error_and_exit_with_2(tmp_path) -> None:
    path = write(tmp_path / "p.jsonl", [{"prediction": None}, {"prediction": 3}])
    command = [sys.executable, "-m", "tuition", "score", path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "p.jsonl:1: the prediction is null" in done.stderr
    assert "p.jsonl:2: the prediction is a number" in done.stderr
    assert "Traceback" not in done.stderr


def test_scoring_loads_no_torch(tmp_path) -> None:
    path = write(tmp_path / "p.jsonl", ROWS)
    code = (
        "import sys; from pathlib import Path; from tuition.commands.score import score_and_print;"
        "from tuition.evaluation.scoring import ScoreChoice;"
        f"score_and_print(ScoreChoice(Path({path!r})), as_json=True);"
        "sys.stderr.write(str([name for name in ('torch', 'transformers') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]"


def test_ranked_options_are_judged_anew_in_every_way(tmp_path) -> None:
    rows = [
        {"options": ["no", "of course"], "option_log_probabilities": [-2.0, -3.0], "option_tokens": [1, 2]},
        {"options": ["no", "of course"], "option_log_probabilities": [-1.0, -9.0], "option_tokens": [1, 2]},
        {"options": None, "option_log_probabilities": None, "option_tokens": None},
    ]
    for at, row in enumerate(rows):
        row |= {"prediction": "?", "references": ["of course"], "task": "t", "instance": str(at)}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    told = json.loads(call(str(tmp_path / "p.parquet"), "--by", "instance", "--json"))
    assert [name for name in told["profiles"] if name.startswith("rank_")] == [
        "rank_sum", "rank_per_token", "rank_per_character", "rank_per_byte",
    ]  # fmt: skip
    assert (figure(told, "rank_sum")["value"], figure(told, "rank_sum")["n"]) == (0, 2)
    assert figure(told, "rank_per_token")["value"] == 50
    assert figure(told, "rouge_l")["n"] == 3
    assert [row["scores"]["rank_per_token"] for row in told["systems"][0]["instances"]] == [100, 0, None]
    assert any("1 of 3 predictions have no ranked options" in notice for notice in told["notices"])
    assert "n = 2" in call(str(tmp_path / "p.parquet"))


def test_rank_accuracies_of_answers_without_ranked_options_are_refused(tmp_path) -> None:
    with pytest.raises(UserError, match="no answer has ranked options"):
        call(write(tmp_path / "p.jsonl", ROWS), "--profile", "rank_sum")
