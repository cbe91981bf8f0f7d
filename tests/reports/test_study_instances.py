import os

import pytest
from tests.reports.made_study import PLAIN, TOLD, crossed, make_study, stage

from tuition.base.errors import UserError
from tuition.reports.arm_factors import study_design
from tuition.reports.instance_source import read_instance_scores
from tuition.reports.study_instances import read_study_instances

TWO = {"plain": [stage(PLAIN)], "told": [stage(TOLD)]}


def flat(task, arm, labels, seed):
    return 0.5


def test_a_run_at_work_gives_the_points_that_it_would_give_when_whole(tmp_path) -> None:
    whole = read_study_instances(make_study(tmp_path / "a", crossed(), flat, seeds=(1, 2), tasks=("t0", "t1")))
    open_ = read_study_instances(
        make_study(tmp_path / "b", crossed(), flat, seeds=(1, 2), tasks=("t0", "t1"), whole=False)
    )
    assert dict(whole.keys) == dict(open_.keys)
    assert whole.arms == open_.arms == tuple(crossed())
    assert whole.expected == open_.expected == ()
    assert whole.shared_seeds == {arm for arm in crossed() if "multi" in arm or not arm.startswith("none")}


def test_an_old_table_does_not_hide_what_was_judged_since(tmp_path) -> None:
    folder = make_study(tmp_path / "s", TWO, flat, tasks=("t0",))
    table = folder / "scores.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if ",64," not in line) + "\n")
    assert {place[2] for place in read_study_instances(folder).keys} == {0, 16}
    os.utime(table, (1, 1))
    assert {place[2] for place in read_study_instances(folder).keys} == {0, 16, 64}


def test_a_table_of_other_scores_than_the_stores_is_refused(tmp_path) -> None:
    folder = make_study(tmp_path / "s", TWO, flat, tasks=("t0",))
    table = folder / "scores.csv"
    lines = table.read_text().splitlines()
    cells = lines[1].split(",")
    cells[5] = "99.5"
    table.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    later = folder.stat().st_mtime + 100
    os.utime(table, (later, later))
    with pytest.raises(UserError, match="a score that is not in the store"):
        read_study_instances(folder)


def test_a_study_file_that_says_nothing_is_done_without(tmp_path) -> None:
    folder = make_study(tmp_path / "s", TWO, flat, tasks=("t0",), whole=False)
    (folder / "study.json").write_text('{"arms": 3}')
    found = read_instance_scores(folder)
    assert set(found.arms) == {"plain", "told"}
    assert (dict(found.stages), found.missing) == ({}, ())


def test_the_store_is_only_read(tmp_path) -> None:
    folder = make_study(tmp_path / "s", TWO, flat, tasks=("t0",))
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*.parquet"))}
    database = (folder / "store.sqlite").read_bytes()
    read_instance_scores(folder)
    assert (folder / "store.sqlite").read_bytes() == database
    assert before == {
        path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*.parquet"))
    }


def test_parts_of_names_are_levels_under_the_names_of_the_stages_that_divide_alike() -> None:
    made = study_design(list(crossed()), crossed())
    assert made.arms["with, instructed, multi-task"] == {
        "pre-finetuning": "with",
        "encoding": "instructed",
        "setting": "multi-task",
    }
    assert made.references == {"pre-finetuning": "none", "encoding": "plain", "setting": "single-task"}
    pairs = made.without("pre-finetuning")
    assert pairs["with, plain, multi-task"] == "none, plain, multi-task"
    assert len(pairs) == 8
    assert made.without("age") == {}


def test_arms_of_any_name_get_the_factors_of_their_stages() -> None:
    before = stage(TOLD, "multi-task", on="seen", labels=30)
    arms = {
        "one": [stage(PLAIN)],
        "two": [stage(TOLD)],
        "three": [before, stage(PLAIN)],
        "four": [before, stage(TOLD)],
    }
    made = study_design(list(arms), arms)
    assert made.references == {"pre-finetuning": "none", "encoding": PLAIN}
    assert made.without("pre-finetuning") == {"three": "one", "four": "two"}


def test_factors_that_divide_the_arms_alike_are_said_to_be_both() -> None:
    arms = {"one": [stage(PLAIN)], "two": [stage(TOLD, "multi-task")]}
    assert list(study_design(list(arms), arms).references) == ["encoding and setting"]


def test_arms_that_tell_no_factors_or_not_enough_are_refused() -> None:
    with pytest.raises(UserError, match="have no factors"):
        study_design(["a", "b"], {})
    arms = {"a": [stage(PLAIN)], "b": [stage(PLAIN)], "c": [stage(TOLD)]}
    with pytest.raises(UserError, match=r"same levels of the factors .*encoding"):
        study_design(list(arms), arms)
    with pytest.raises(UserError, match="2 names, but the arms' names have different numbers of"):
        study_design(["a, b", "c"], {}, ["x", "y"])
