"""What is damaged in a study's folder is made again or named, and never scored as if it were whole."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.studies.conftest import Listener
from tuition.base.errors import UserError
from tuition.commands.export import export_and_print
from tuition.commands.plan_preview import preview_and_print
from tuition.commands.study import finish_study
from tuition.reports.comparison import Question, compare_source
from tuition.reports.scores_csv import read_scores_csv
from tuition.studies.export.card import read_exported
from tuition.studies.results import StudyResults
from tuition.studies.run import gather, plan_study
from tuition.studies.spec.study import StudySpec, read_study
from tuition.studies.storage.finished_steps import with_stored_keys
from tuition.studies.storage.store import open_store

Make = Callable[..., StudySpec]
OLD = Path(__file__).parents[1] / "fixtures" / "run-before-checksums.zip"
OLD_MODEL = "folder@d12fd5092a54000a979d3d0ad1e1dfc066a253479e78c3d7484371e26f7f76fa"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> tuple[StudySpec, Path, StudyResults]:
    """A small study that was run, its folder and its results."""
    folder = tmp_path_factory.mktemp("whole")
    file = folder / "study.yaml"
    file.write_text(
        "study: small\ntasks: {collection: starter, names: [task001]}\n"
        f"model: {tiny_model}\nprecision: float32\nlabels: [0, 4]\n"
        "arms:\n  one: [{encoding: input-only, recipe: {name: small-data, total_steps: 2}}]\n"
        "  two: [{encoding: definition, recipe: {name: small-data, total_steps: 2}}]\n"
        "judge: {test: 5, validation: 2, new_tokens: 3}\n"
    )
    spec = read_study(file)
    _, results, failures = finish_study(spec, folder / "out", quiet=True)
    assert not failures
    return spec, folder / "out", results


def copied(whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole[1], tmp_path / "out"))


def steps(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        return int(database.execute("SELECT count(*) FROM steps").fetchone()[0])


DAMAGES = [
    "UPDATE steps SET details = '{bad' WHERE kind = 'evaluate'",
    "UPDATE steps SET details = 'null' WHERE kind = 'evaluate'",
    "UPDATE steps SET details = '[1]'",
    "UPDATE steps SET details = '{}'",
    "UPDATE steps SET seconds = 'long'",
    "UPDATE steps SET task = 'another' WHERE kind = 'evaluate'",
    "UPDATE scores SET value = 'abc'",
    "UPDATE scores SET value = value + 1 WHERE metric = 'rouge_l'",
    "UPDATE scores SET n = NULL",
    "DELETE FROM scores WHERE metric = 'rouge_l'",
]


@pytest.mark.parametrize("damage", [sql for sql in DAMAGES if "NULL" not in sql])
def test_a_damaged_record_is_run_again_with_the_same_scores(
    damage: str, whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    folder = copied(whole, tmp_path)
    before = steps(folder)
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        database.execute(damage)
        database.commit()
    _, results, failures = finish_study(whole[0], folder, quiet=True)
    assert not failures
    assert results.scores == whole[2].scores
    assert results.predictions == whole[2].predictions
    assert steps(folder) == before


@pytest.mark.parametrize("damage", ["UPDATE scores SET value = 'abc'", "UPDATE steps SET details = '{bad'"])
def test_readers_name_the_damaged_store(
    damage: str, whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    folder = copied(whole, tmp_path)
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        database.execute(damage)
        database.commit()
    with open_store(folder) as store:
        plan = with_stored_keys(plan_study(whole[0], Listener()), store)
        with pytest.raises(UserError, match=r"store\.sqlite: .*damaged.*run the same command again"):
            gather(plan, store)
    if "scores" in damage:
        (folder / "scores.csv").unlink(missing_ok=True)
        with pytest.raises(UserError, match=r"store\.sqlite: a score in it is damaged"):
            compare_source(Question(folder))


@pytest.mark.parametrize("damage", [sql for sql in DAMAGES if "NULL" not in sql and "rouge_l" not in sql])
def test_an_export_of_damaged_records_is_refused_in_one_line(
    damage: str, whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    folder = copied(whole, tmp_path)
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        database.execute(damage)
        database.commit()
    with pytest.raises(UserError, match=r"store\.sqlite: .*damaged.*run the same command again"):
        export_and_print(folder, tmp_path / "to", task="task001", arm="one", labels=4, seed=1, merge=False)
    assert not (tmp_path / "to").exists()


def test_a_plan_counts_damaged_steps_as_unfinished(
    whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(whole, tmp_path)
    [answers, *_] = sorted((folder / "predictions").iterdir())
    answers.write_bytes(b"")
    before = steps(folder)
    preview_and_print(whole[0], folder, as_json=True)
    assert json.loads(capsys.readouterr().out)["finished"] == before - 1
    assert steps(folder) == before  # a plan changes nothing


def test_a_record_that_lost_its_key_is_made_again_over_the_scores_that_it_left(
    whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    folder = copied(whole, tmp_path)
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        database.execute("UPDATE steps SET key = 'another ' || rowid")
        database.commit()
    _, results, failures = finish_study(whole[0], folder, quiet=True)
    assert not failures
    assert results.scores == whole[2].scores


def test_answers_that_are_cut_off_changed_or_gone_are_made_again(
    whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    folder = copied(whole, tmp_path)
    first, second, third, *_ = sorted((folder / "predictions").iterdir())
    first.write_bytes(first.read_bytes()[:-20])
    second.unlink()
    data = bytearray(third.read_bytes())
    data[data.index(b"input") + 40] ^= 1
    third.write_bytes(bytes(data))
    _, results, failures = finish_study(whole[0], folder, quiet=True)
    assert not failures
    assert results.scores == whole[2].scores
    assert results.predictions == whole[2].predictions


def test_weights_that_are_damaged_are_refused_and_trained_again_by_the_next_run(
    whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    folder = copied(whole, tmp_path)
    for answers in (folder / "predictions").iterdir():
        answers.unlink()
    [weights, *_] = sorted(folder.glob("adapters/*/adapter_model.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-10] ^= 4
    weights.write_bytes(bytes(data))
    _, _, failures = finish_study(whole[0], folder, quiet=True)
    assert [str(weights) in failure.reason and "is damaged" in failure.reason for failure in failures] == [True]
    _, results, failures = finish_study(whole[0], folder, quiet=True)
    assert not failures
    assert results.scores == whole[2].scores


def test_weights_that_are_gone_are_trained_again_where_a_step_needs_them_and_only_there(
    whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    folder = copied(whole, tmp_path)
    shutil.rmtree(folder / "adapters")
    _, results, _ = finish_study(whole[0], folder, quiet=True)
    assert results.scores == whole[2].scores
    assert not (folder / "adapters").exists()  # all answers are there, so nothing needs them
    for answers in (folder / "predictions").iterdir():
        answers.unlink()
    _, results, failures = finish_study(whole[0], folder, quiet=True)
    assert not failures
    assert results.scores == whole[2].scores


def test_a_newer_store_is_refused_by_all_who_read_it(
    whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    folder = copied(whole, tmp_path)
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        database.execute("PRAGMA user_version = 99")
        database.commit()
    for read in (
        lambda: finish_study(whole[0], folder, quiet=True),
        lambda: compare_source(Question(folder)),
    ):
        with pytest.raises(UserError, match=r"written by a newer version of Tuition .its layout is 99"):
            read()


def test_any_bit_that_flips_in_any_stored_file_is_noticed_or_changes_no_result(
    whole: tuple[StudySpec, Path, StudyResults], tmp_path: Path
) -> None:
    draw = random.Random(5)
    spec, _, results = whole
    for number in range(40):
        folder = Path(shutil.copytree(whole[1], tmp_path / str(number)))
        files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.name not in ("report.html", ".lock")]
        file = draw.choice(files)
        data = bytearray(file.read_bytes())
        if not data:
            continue
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        file.write_bytes(bytes(data))
        try:
            _, found, failures = finish_study(spec, folder, quiet=True)
        except UserError as error:
            assert str(folder) in str(error)  # noqa: PT017 - either outcome is right
        else:
            assert failures or (found.scores, found.predictions) == (results.scores, results.predictions)
        shutil.rmtree(folder)


def test_a_run_from_before_checksums_still_opens_and_needs_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(tmp_path)
    monkeypatch.setattr("tuition.studies.run.model_identity", lambda name, say: OLD_MODEL)
    monkeypatch.setattr("tuition.studies.run.require_local_model", lambda name: None)
    spec = read_study(tmp_path / "study.yaml")
    before = read_scores_csv(tmp_path / "out" / "scores.csv")
    plan, results, failures = finish_study(spec, tmp_path / "out", quiet=True)
    assert not failures
    assert sorted(map(str, results.scores)) == sorted(map(str, before))
    assert len(results.predictions) == 5 * len(plan.evaluations)
    assert {one.found.arm for one in compare_source(Question(tmp_path / "out")).comparisons} == {
        "with",
        "chain",
        "majority",
    }
    exported = read_exported(tmp_path / "exported")
    assert (exported.tuner, exported.encoding.name) == ("lora", "definition+2-positive")
