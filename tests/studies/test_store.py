from __future__ import annotations

from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.evaluation.metric_scores import Score
from tuition.studies.results import PredictionRow
from tuition.studies.storage.store import StepOutcome, Store, open_store

UGLY = 'a,"b"\r\n\x00 <b> 🙂 \u202e'


def finish(store: Store, key: str = "k", **changes: object) -> None:
    place = {
        "kind": "evaluate",
        "task": "t",
        "arm": UGLY,
        "labels": 4,
        "seed": 1,
        "seconds": 2.0,
        "details": {"fit": {}, "a": [1]},
    }
    store.finish(key, StepOutcome(**{**place, **changes}))  # type: ignore[arg-type]


def row(prediction: str = UGLY) -> PredictionRow:
    return PredictionRow("t", "a", 4, 1, "i", UGLY, prediction, ("r1", UGLY), {"rouge_l": 0.1 + 0.2})


def test_what_is_finished_is_found_again_with_exact_numbers(tmp_path: Path) -> None:
    score = Score("rouge_l", 100 / 3, 0.1 + 0.2, 99.0, 7)
    with open_store(tmp_path / "s") as store:
        assert store.finished("k") is None
        finish(store, scores=[score])
    with open_store(tmp_path / "s") as store:
        kept = store.finished("k")
        assert kept is not None
        assert kept.scores == (score,)
        assert kept.details == {"fit": {}, "a": [1]}
        assert store.finished_keys() == {"k"}


def test_finishing_twice_keeps_the_later(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        finish(store, scores=[Score("m", 1, 1, 1, 1)])
        finish(store, scores=[Score("n", 2, 2, 2, 2)])
        kept = store.finished("k")
        assert kept is not None
        assert [score.metric for score in kept.scores] == ["n"]


def test_predictions_come_back_as_they_were(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.write_predictions("k", [row(), row("")])
        back = store.read_predictions("k")
    assert [(r["prediction"], r["input"], r["references"], r["scores"]) for r in back] == [
        (UGLY, UGLY, ["r1", UGLY], {"rouge_l": 0.1 + 0.2}),
        ("", UGLY, ["r1", UGLY], {"rouge_l": 0.1 + 0.2}),
    ]


def test_damaged_predictions_are_a_user_error(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.write_predictions("k", [row()])
        (tmp_path / "predictions" / "k.parquet").write_bytes(b"half")
        with pytest.raises(UserError, match="cannot be read"):
            store.read_predictions("k")


def test_a_second_run_is_kept_out(tmp_path: Path) -> None:
    with open_store(tmp_path), pytest.raises(UserError, match="another run is using it"), open_store(tmp_path):
        pass
    with open_store(tmp_path):
        pass


def test_a_file_that_is_no_database_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"not a database, but long enough to look at" * 50)
    with pytest.raises(UserError, match="is not a usable store"), open_store(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"), open_store(tmp_path / "file" / "s"):
        pass
