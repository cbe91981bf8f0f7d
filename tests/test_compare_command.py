"""`tuition compare`, as its users call it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.reports.made_study import PLAIN, TASKS, TOLD, crossed, make_study, stage
from tuition.base.errors import ProblemsError, UserError
from tuition.cli import app

TWO = {"plain": [stage(PLAIN)], "told": [stage(TOLD)]}


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.exception
    return done.stdout


def told(*arguments: object) -> dict:
    return json.loads(call(*arguments, "--json"))


def rising(task: str, arm: str, labels: int, seed: int) -> float:
    """Instructions are worth 0.1 everywhere but on task5, where they cost 0.2; 16 labels are worth 0.1."""
    gain = 0.0 if arm.startswith("plain") else -0.2 if task == "task5" else 0.1
    return 0.4 + gain + 0.1 * np.log2(1 + labels / 16)


def test_the_sentence_counts_tasks_and_gives_the_mean_with_its_interval(tmp_path) -> None:
    out = call(make_study(tmp_path / "s", TWO, rising))
    assert "With 64 labels, “told” is better than “plain” on 5 of 6 tasks, worse on 1; mean +" in out
    assert "“told” hurts on task5 (−2" in out
    assert "There is one seed" in out
    assert "resample tasks, and the instances of each with them" in out


def test_json_holds_every_figure_of_the_table(tmp_path) -> None:
    found = told(make_study(tmp_path / "s", TWO, rising))
    assert [one["labels"] for one in found["comparisons"]] == [0, 16, 64]
    last = found["comparisons"][-1]
    assert (last["better"], last["worse"], last["undecided"]) == (5, 1, 0)
    assert last["tasks_like_these"]["mean"] == pytest.approx(5, abs=1)
    assert last["tasks_like_these"]["low"] < last["these_tasks"]["low"] < 5 < last["these_tasks"]["high"]
    assert [task["task"] for task in last["tasks"]] == list(TASKS)
    assert last["negative_transfer"] == ["task5"]
    need = found["comparisons"][1]["baseline_needs"]
    # what 16 labels and 0.05 more give: 0.05 of the 0.132 that 64 labels add to 16, on a scale of log labels
    assert need["needed"] == pytest.approx(16 * 4 ** (0.05 / 0.132), rel=0.15)
    assert need["low"] < need["needed"] < (need["high"] or 1e9)
    assert found["not_judged"] == []


def test_labels_and_baseline_choose(tmp_path) -> None:
    folder = make_study(tmp_path / "s", TWO, rising)
    [only] = told(folder, "--labels", 16, "--baseline", "told")["comparisons"]
    assert (only["arm"], only["labels"], only["better"], only["worse"]) == ("plain", 16, 1, 5)


def test_every_task_is_listed_by_task(tmp_path) -> None:
    out = call(make_study(tmp_path / "s", TWO, rising), "--by-task", "--labels", 16)
    lines = [line.split() for line in out.splitlines()]
    assert [line[-1] for line in lines if line and line[0] in TASKS] == ["better"] * 5 + ["worse"]


def test_the_correction_is_the_one_chosen(tmp_path) -> None:
    folder = make_study(tmp_path / "s", TWO, rising, n=6)
    ps = {
        name: [task["difference"]["corrected"] for task in one["tasks"]]
        for name in ("none", "benjamini-hochberg", "holm")
        for one in told(folder, "--labels", 16, "--correction", name)["comparisons"]
    }
    assert ps["none"] < ps["holm"]
    assert all(a <= b <= c for a, b, c in zip(*ps.values(), strict=True))


def test_a_run_that_was_stopped_is_compared_on_what_both_arms_have(tmp_path) -> None:
    stopped = make_study(
        tmp_path / "s", TWO, rising, whole=False, skip=lambda task, arm, labels, _: task > "task2" and arm == "told"
    )
    found = told(stopped)
    last = found["comparisons"][-1]
    assert [task["task"] for task in last["tasks"]] == ["task0", "task1", "task2"]
    assert last["left_out"] == ["task3", "task4", "task5"]
    assert len(found["not_judged"]) == 9
    assert "Not evaluated yet: 9 points of “told”" in call(stopped)


@pytest.mark.parametrize("part", [{"metrics": None}, {}, {"metrics": "rouge_l"}, None, 5])
def test_a_stopped_run_of_a_study_that_names_no_metrics_is_compared_on_what_it_has(part, tmp_path) -> None:
    stopped = make_study(tmp_path / "s", TWO, rising, whole=False)
    named = told(stopped)
    for key in ("evaluate", "judge"):
        study = json.loads((stopped / "study.json").read_text())
        study.pop("judge", None), study.pop("evaluate", None)
        (stopped / "study.json").write_text(json.dumps({**study, key: part}))
        assert told(stopped)["comparisons"] == named["comparisons"]


def test_the_most_labels_of_each_task_are_compared_where_these_differ_but_not_because_a_run_stopped_early(
    tmp_path,
) -> None:
    rows = [row for row in lines() if not row.startswith("t0") or ",0," in row]
    assert [one["labels"] for one in told(table(tmp_path / "half.csv", rows))["comparisons"]] == [0, 16]
    own = [row.replace(",16,", ",12,") if row.startswith("t0") else row for row in lines()]
    assert [one["labels"] for one in told(table(tmp_path / "small.csv", own))["comparisons"]] == [0, 16, "most"]


def test_an_arm_that_is_not_judged_at_all_takes_no_other_down(tmp_path) -> None:
    arms = {**TWO, "late": [stage(TOLD, "multi-task")]}
    found = told(make_study(tmp_path / "s", arms, rising, whole=False, skip=lambda _, arm, labels, __: arm == "late"))
    assert {one["arm"] for one in found["comparisons"]} == {"told", "late"}  # 0 labels are those of `told`
    assert {one["labels"] for one in found["comparisons"] if one["arm"] == "late"} == {0}


@pytest.mark.parametrize("whole", [True, False])
def test_points_that_arms_share_are_the_same_and_not_a_finding(tmp_path, whole) -> None:
    arms = {"single": [stage(PLAIN)], "multi": [stage(PLAIN, "multi-task")]}
    folder = make_study(tmp_path / "s", arms, rising, whole=whole)
    [one] = told(folder, "--labels", 0)["comparisons"]
    assert one["same"]
    assert one["these_tasks"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "p": 1.0, "corrected": 1.0}
    assert "are the same by construction: both have the answers of one model" in call(folder, "--labels", 0)


def test_seeds_widen_what_is_claimed_and_arms_meet_on_the_seeds_they_share(tmp_path) -> None:
    def luck(task: str, arm: str, labels: int, seed: int) -> float:
        return rising(task, arm, labels, seed) + (0.1 * (seed - 2) if arm == "told" and labels else 0)

    narrow = told(make_study(tmp_path / "a", TWO, rising, seeds=(1, 2, 3)), "--labels", 16)["comparisons"][0]
    folder = make_study(tmp_path / "b", TWO, luck, seeds=(1, 2, 3))
    wide = told(folder, "--labels", 16)["comparisons"][0]
    assert narrow["seeds"] == wide["seeds"] == 3

    def width(one: dict) -> float:
        return one["these_tasks"]["high"] - one["these_tasks"]["low"]

    assert width(wide) > 3 * width(narrow)
    assert "There is one seed" not in call(folder)
    part = make_study(tmp_path / "c", TWO, luck, seeds=(1, 2, 3), skip=lambda *at: at[1] == "told" and at[3] == 3)
    assert told(part, "--labels", 16)["comparisons"][0]["seeds"] == 2


def factored(task: str, arm: str, labels: int, seed: int) -> float:
    before, how, setting = arm.split(", ")
    instructed = how == "instructed"
    gain = {"none": 0.0, "without": 0.05, "with": 0.1}[before] + 0.06 * instructed
    gain += 0.08 * (before == "with" and instructed)  # instructions are understood once they were learnt from
    gain -= 0.25 * (task == "task0" and before != "none")
    gain += 0.04 * (setting == "multi-task" and labels > 0)
    return 0.3 + gain + 0.05 * np.log2(1 + labels / 16)


@pytest.fixture(scope="module")
def crossed_study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("crossed") / "s", crossed(), factored, n=40)


def effects(found: dict, *names: str, labels: int | None) -> dict:
    [one] = [
        own
        for own in found["factorial"]["effects"]
        if own["labels"] == labels and tuple(f"{f['factor']}={f['level']}" for f in own["factors"]) == names
    ]
    return one


def test_factors_are_read_from_the_arms_and_their_effects_told_at_each_number_of_labels(crossed_study) -> None:
    found = told(crossed_study, "--factors")
    design = found["factorial"]
    assert design["references"] == {"pre-finetuning": "none", "encoding": "plain", "setting": "single-task"}
    for labels in (0, 16, 64):
        with_ = effects(found, "pre-finetuning=with", labels=labels)
        assert with_["mean"] == pytest.approx(10 - 25 / 6 + 4, abs=1)
        assert with_["low"] < with_["mean"] < with_["high"]
        assert (with_["settings"], with_["possible"], with_["tasks"]) == (4, 4, 6)
        both = effects(found, "pre-finetuning=with", "encoding=instructed", labels=labels)
        assert both["mean"] == pytest.approx(8, abs=1)
        assert effects(found, "encoding=instructed", labels=labels)["mean"] == pytest.approx(6 + 8 / 3, abs=1)
    assert effects(found, "setting=multi-task", labels=16)["mean"] == pytest.approx(4, abs=1)
    nothing = effects(found, "setting=multi-task", labels=0)
    assert nothing["same"]
    assert (nothing["mean"], nothing["low"], nothing["high"]) == (0, 0, 0)
    grows = effects(found, "labels=16", labels=None)
    assert grows["mean"] == pytest.approx(5 + 2, abs=1)  # half of the settings are multi-task


def test_negative_transfer_is_told_by_task_against_the_same_arm_without_pre_finetuning(crossed_study) -> None:
    transfer = told(crossed_study, "--factors")["factorial"]["transfer"]
    assert len(transfer) == 8 * 3
    assert {one["baseline"] for one in transfer} == {arm for arm in crossed() if arm.startswith("none")}
    worst = [one for one in transfer if one["arm"] == "without, plain, single-task"]
    assert [one["negative_transfer"] for one in worst] == [["task0"]] * 3
    assert all(one["baseline_needs"] for one in worst)
    out = call(crossed_study, "--factors")
    assert "pre-finetuning: with, not none × encoding: instructed, not plain" in " ".join(out.split())
    [row] = [line for line in out.splitlines() if line.startswith("task0")]
    assert row.split()[1:4] == ["with,", "instructed,", "multi-task"]
    assert row.count(" to ") == 3
    assert "Of 120 comparisons by arm, labels and task, 20 are worse with pre-finetuning" in out  # 4 + 8 + 8 models


def test_mean_curves_are_over_the_tasks_that_all_arms_have(tmp_path) -> None:
    found = told(make_study(tmp_path / "s", TWO, rising, skip=lambda *at: at[:3] == ("task1", "told", 64)))
    assert {(point["labels"], point["tasks"]) for point in found["curves"]} == {(0, 5), (16, 5), (64, 5)}
    assert all(point["low"] < point["mean"] < point["high"] for point in found["curves"])


def test_arms_without_factors_are_told_so(tmp_path) -> None:
    arms = {"a": [stage(PLAIN)], "b": [stage(PLAIN)]}
    with pytest.raises(UserError, match=r"have no factors; name each with the same number of comma-separated parts"):
        call(make_study(tmp_path / "s", arms, rising), "--factors")


def table(path, rows, header="task,arm,labels,seed,instance,value") -> str:
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def lines(scale: float = 1.0) -> list[str]:
    made = []
    for task, arm, size, seed, at in np.ndindex(3, 2, 2, 2, 12):
        value = scale * min(1.0, 0.3 + 0.1 * arm + 0.2 * size + 0.01 * at + 0.003 * ((task + seed + at) % 3))
        made.append(f't{task},"{("old", "new")[arm]}, x",{16 * size},{seed},i{at},{value}')
    return made


def test_a_csv_of_single_scores_is_compared_like_a_study(tmp_path) -> None:
    found = told(table(tmp_path / "s.csv", lines()))
    assert found["baseline"] == "old, x"
    assert [(one["labels"], one["seeds"]) for one in found["comparisons"]] == [(0, 2), (16, 2)]
    assert found["comparisons"][0]["these_tasks"]["mean"] == pytest.approx(10)
    other = told(table(tmp_path / "other.csv", lines(40)))
    assert other["comparisons"][0]["these_tasks"]["mean"] == pytest.approx(4)  # on its own scale


def test_the_parts_of_names_in_a_csv_are_factors_under_the_names_given(tmp_path) -> None:
    found = told(table(tmp_path / "s.csv", lines()), "--factor", "age", "--factor", "kind")
    assert found["factorial"]["references"] == {"age": "old"}
    assert effects(found, "age=new", labels=16)["mean"] == pytest.approx(10)
    with pytest.raises(UserError, match="1 names, but the arms' names have 2 parts"):
        call(table(tmp_path / "s.csv", lines()), "--factor", "age")


def test_instances_that_one_arm_alone_has_are_left_out_and_counted(tmp_path) -> None:
    rows = [row for row in lines() if not (row.startswith('t0,"old') and ",i3," in row)]
    out = call(table(tmp_path / "s.csv", rows))
    assert "4 scores of instances that only one of two arms answered were left out" not in out
    assert "2 scores of instances that only one of two arms answered were left out" in out  # one at each size


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (["t,a,0,1,i,0.5", "t,b,0,1,i,nan"], r"s\.csv:3.*the score is nan"),
        (["t,a,0,1,i,0.5", "t,b,0,1,i,half"], r"s\.csv:3.*value is 'half'"),
        (["t,a,0,1,i,0.5", "t,a,0,1,i,0.5"], r"s\.csv:3.*a second score"),
        (["t,a,0,1,i,0.5", "t,a,0,2,j,0.5"], "answered other instances"),
        (["t,a,x,1,i,0.5"], "labels is 'x'"),
        (["t,a,0,1,i,0.5"], "the only arm"),
        (["t,a,0,1,i,0.5", "u,b,0,1,i,0.5"], "no other arm was evaluated on the same tasks as 'a'"),
        (["t,a,0,1,i,0.5", "t,b,0,1,j,0.5"], "on a common instance"),
        ([], "no scores yet"),
    ],
)
def test_tables_that_cannot_be_right_are_refused_with_their_place(tmp_path, rows, match) -> None:
    with pytest.raises(UserError, match=match):
        call(table(tmp_path / "s.csv", rows))


def test_what_is_not_there_is_named_with_what_is(tmp_path) -> None:
    folder = make_study(tmp_path / "s", TWO, rising)
    for arguments, match in [
        ((tmp_path / "none",), "no such file or folder"),
        ((tmp_path,), r"no store\.sqlite"),
        ((folder, "--baseline", "x"), "no arm is named 'x'; there are plain, told"),
        ((folder, "--metric", "bleu"), "no scores by 'bleu'; the metrics are rouge_l"),
        ((folder, "--correction", "x"), "give one of holm, benjamini-hochberg, none"),
        ((folder, "--labels", "7"), "no other arm was evaluated on the same tasks as 'plain' with 7 labels"),
        ((table(tmp_path / "c.csv", ["1"], "task"),), "no column is named arm or instance or value"),
    ]:
        with pytest.raises(UserError, match=match):
            call(*arguments)
    (folder / "predictions" / "task0-plain-16-1.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="run the study again"):
        call(folder)
    empty = make_study(tmp_path / "e", TWO, rising, skip=lambda *_: True, whole=False)
    with pytest.raises(UserError, match="no scores yet"):
        call(empty)


def test_hostile_names_reach_the_terminal_escaped(tmp_path) -> None:
    name = "[red]x\u202e"
    rows = [f't,"{arm}",0,1,i{at},{0.1 * at}' for arm in (name, "b") for at in range(5)]
    out = call(table(tmp_path / "s.csv", rows))
    assert "[red]x\\u202e" in out
    assert "\u202e" not in out


def test_the_problems_of_a_table_come_all_together(tmp_path) -> None:
    with pytest.raises(ProblemsError) as caught:
        call(table(tmp_path / "s.csv", ["t,a,0,1,i,x", "t,a,0,1,i,y", "t,b,-1,1,i,0"]))
    assert len(caught.value.problems) == 3
