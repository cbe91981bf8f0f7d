from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tuition.base.errors import UserError
from tuition.cli import app
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.metrics.similarity import local_embedder, similarity_metric

VECTORS = {"red": (1, 0), "crimson": (3, 4), "blue": (0, 2), "not": (-1, 0), "nil": (0, 0)}


def by_words(texts):
    return [np.array([VECTORS[word] for word in text.split()], dtype=np.float32).reshape(-1, 2) for text in texts]


@pytest.mark.parametrize(
    ("prediction", "references", "score"),
    [
        ("red", ["red"], 1.0),
        ("crimson", ["red"], 0.6),
        ("red blue", ["red"], 2 * 0.5 * 1 / 1.5),
        ("blue", ["red", "crimson"], 0.8),
        ("not", ["red"], 0.0),
        ("", ["red"], 0.0),
        ("", [""], 0.0),
        ("nil", ["red"], 0.0),
    ],
)
def test_tokens_are_matched_with_the_nearest(prediction, references, score) -> None:
    assert similarity_metric(by_words).score(prediction, references) == pytest.approx(score)


def test_a_local_models_vectors_do_not_depend_on_the_batch(tiny_model) -> None:
    embed = local_embedder(tiny_model)
    texts = ["short", "", "a much longer text than the others 👩‍👧", "short", "x" * 3000]
    together = embed(texts)
    assert [len(one) for one in together][:2] == [5, 0]
    assert len(together[4]) == 512
    for text, own in zip(texts, together, strict=True):
        np.testing.assert_allclose(own, embed([text])[0], atol=1e-5)


def test_a_local_model_finds_a_text_like_itself(tiny_model) -> None:
    metric = similarity_metric(local_embedder(tiny_model))
    same, other = metric.score_many(["a red ball", "a red ball"], [["a red ball"], ["42%"]])
    assert same == pytest.approx(1.0, abs=1e-5)
    assert 0 <= other < same


def test_without_an_embedder_it_is_refused(tmp_path, tiny_model) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"prediction": "red", "reference": "red"}) + "\n")
    run = CliRunner().invoke(app, ["score", str(path), "--profile", "similarity"])
    assert "give --embedder" in str(run.exception)
    with pytest.raises(UserError, match="no such folder"):
        local_embedder(tmp_path / "absent")
    with pytest.raises(UserError, match="no model that can embed"):
        local_embedder(tmp_path)
    run = CliRunner().invoke(
        app, ["score", str(path), "--profile", "similarity", "--embedder", str(tiny_model), "--json"]
    )
    assert json.loads(run.stdout)["systems"][0]["figures"][0]["value"] == pytest.approx(100, abs=1e-3)
    assert "similarity" not in METRICS
