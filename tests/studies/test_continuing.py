"""A folder that holds a study goes on with the same one, wider or narrower, and refuses another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.commands.study import finish_study, write_results
from tuition.reports.scores_csv import read_scores_csv
from tuition.studies.spec.study import StudySpec

Make = Callable[..., StudySpec]


def run(spec: StudySpec, folder: Path) -> tuple[set[tuple[str, int, int]], tuple[str, ...]]:
    """Run a study and return the points of scores.csv and the notices."""
    _, results, failures = finish_study(spec, folder, quiet=True)
    assert not failures
    write_results(results, folder)
    rows = read_scores_csv(folder / "scores.csv")
    return {(row.arm, row.labels, row.seed) for row in rows}, results.notices


def narrowed(spec: StudySpec, **changes: object) -> StudySpec:
    return StudySpec.model_validate(spec.model_dump() | changes)


def test_a_narrower_run_keeps_what_a_wider_one_found(tiny_study: Make, tmp_path: Path) -> None:
    spec = tiny_study()
    whole, _ = run(spec, tmp_path)
    first = next(iter(spec.arms))
    again, notices = run(narrowed(spec, arms={first: spec.arms[first]}, labels=[0]), tmp_path)
    assert again == whole
    assert len(whole) == 4
    assert not any("changed" in notice for notice in notices)
    assert run(spec, tmp_path)[0] == whole


def test_a_wider_run_adds_to_what_is_there(tiny_study: Make, tmp_path: Path) -> None:
    spec = tiny_study()
    first = next(iter(spec.arms))
    few, _ = run(narrowed(spec, arms={first: spec.arms[first]}, labels=[0]), tmp_path)
    more, _ = run(narrowed(spec, labels=[4], seeds=[2]), tmp_path)
    assert few == {(first, 0, 1)}
    # Without labels a seed decides nothing, so that the first arm's point counts for the second seed too.
    assert more == few | {(first, 0, 2)} | {(arm, 4, 2) for arm in spec.arms}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"study": "another"}, "its study is 'tiny', not 'another'"),
        ({"model": "smollm2-135m"}, "its model is"),
        ({"tasks": {"collection": "starter", "names": ["task001"]}}, "its collection is"),
    ],
)
def test_another_study_is_refused_and_nothing_of_the_first_is_lost(
    change: dict[str, object], words: str, tiny_study: Make, tmp_path: Path
) -> None:
    spec = tiny_study()
    run(spec, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("study.json", "scores.csv", "report.html")}
    with pytest.raises(UserError, match=f"contains another study .*{words}.*--out"):
        finish_study(narrowed(spec, **change), tmp_path, quiet=True)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_study_that_was_edited_says_what_its_report_leaves_out(tiny_study: Make, tmp_path: Path) -> None:
    spec = tiny_study()
    run(spec, tmp_path)
    edited = narrowed(spec, evaluate={**spec.evaluate.model_dump(), "test": 5})
    _, notices = run(edited, tmp_path)
    assert any("was changed since it was last run here (evaluate.test)" in notice for notice in notices)
    arms = {
        name: [stage.model_copy(update={"encoding": "definition"}) for stage in own]
        for name, own in edited.arms.items()
    }
    _, notices = run(narrowed(edited, arms=arms), tmp_path)
    assert any("(arm 'without', arm 'with')" in notice for notice in notices)


def test_an_arm_that_was_edited_leaves_the_others_in_the_report(tiny_study: Make, tmp_path: Path) -> None:
    spec = tiny_study()
    whole, _ = run(spec, tmp_path)
    first, second = spec.arms
    edited = [stage.model_copy(update={"encoding": "definition"}) for stage in spec.arms[first]]
    points, notices = run(narrowed(spec, arms={first: edited}, labels=[0]), tmp_path)
    assert points == {(first, 0, 1)} | {point for point in whole if point[0] == second}
    assert any(f"was changed since it was last run here (arm {first!r})" in notice for notice in notices)


def test_a_collection_that_was_moved_is_the_same_study(tiny_study: Make, tmp_path: Path) -> None:
    spec = tiny_study()
    points, _ = run(spec, tmp_path / "out")
    old = Path(spec.tasks.collection)
    new = old.rename(old.with_name("moved"))
    moved = narrowed(spec, tasks=spec.tasks.model_copy(update={"collection": str(new)}))
    assert run(moved, tmp_path / "out")[0] == points


@pytest.mark.parametrize("name", ["report.html", "scores.csv", "probes.csv"])
def test_a_file_of_something_else_is_not_replaced(name: str, tiny_study: Make, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(UserError, match=rf"out: has a {name} that belongs to no study there; move it"):
        finish_study(tiny_study(), tmp_path / "out", quiet=True)
    assert [file.name for file in (tmp_path / "out").iterdir()] == [name]
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_a_study_file_that_is_damaged_is_written_again(tiny_study: Make, tmp_path: Path) -> None:
    spec = tiny_study()
    points, _ = run(spec, tmp_path)
    for text in ("{", "[]", '{"study": 5}', ""):
        (tmp_path / "study.json").write_text(text)
        again, notices = run(spec, tmp_path)
        assert again == points
        assert any("is not a readable study" in notice for notice in notices)
