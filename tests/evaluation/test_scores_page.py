"""Every figure on the page about scores is what the package gives."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
import sacrebleu
from rapidfuzz.distance import LCSseq

from tuition.evaluation.metric_scores import score_instances, summarise
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.metrics.gpt2 import gpt2_tokenizer
from tuition.evaluation.metrics.rouge import encode_words
from tuition.evaluation.metrics.squad import _words
from tuition.evaluation.predictions import PREDICTION_READERS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "concepts" / "scores.md").read_text(encoding="utf-8")
[PREDICTION] = re.findall(r"^- prediction: (.+)$", PAGE, re.MULTILINE)
REFERENCES = re.findall(r"^- reference \d: (.+)$", PAGE, re.MULTILINE)
WORKED = {
    name: (score, how) for name, score, how in re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (.+) \|$", PAGE, re.MULTILINE)
}


def f1(precision: Fraction, recall: Fraction) -> str:
    return f"{float(200 * precision * recall / (precision + recall)):.2f}"


@pytest.mark.parametrize("name", WORKED)
def test_the_worked_example_scores_so(name) -> None:
    assert f"{100 * METRICS[name].score(PREDICTION, REFERENCES):.2f}" == WORKED[name][0]


def test_every_metric_is_worked_out_or_explained() -> None:
    assert set(METRICS) - set(WORKED) == {"macro_f1"}


def test_every_profile_and_format_stands_in_its_table() -> None:
    profiles, _, rest = PAGE.partition("## One answer")
    assert re.findall(r"^\| `(\w+)` \|", profiles, re.MULTILINE) == list(METRICS)
    formats = rest.partition("## Where answers come from")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", formats, re.MULTILINE)) == set(PREDICTION_READERS)


@pytest.mark.parametrize("name", ["rouge_l", "rouge_1", "rouge_l_xlingual", "f1_squad"])
def test_precision_and_recall_give_the_score(name) -> None:
    score, how = WORKED[name]
    [told] = re.findall(r"P (\d+/\d+), R (\d+/\d+)", how)
    assert f1(*map(Fraction, told)) == score


@pytest.mark.parametrize("name", ["rouge_l", "rouge_1", "f1_squad", "rouge_l_xlingual", "chrf"])
def test_what_the_other_reference_gives_is_so(name) -> None:
    for figure in re.findall(r"gives (?:4 and )?(\d+\.\d+)", WORKED[name][1]):
        assert figure in [f"{100 * METRICS[name].score(PREDICTION, [one]):.2f}" for one in REFERENCES]


def test_words_in_common_are_counted_rightly() -> None:
    prediction, *references = encode_words([PREDICTION, *REFERENCES])
    assert [len(prediction), *map(len, references)] == [8, 6, 6]
    assert [LCSseq.similarity(prediction, one) for one in references] == [3, 3]
    assert [len([word for word in set(one) if word in prediction]) for one in references] == [4, 5]
    tokens = [len(gpt2_tokenizer().encode(text).ids) for text in (PREDICTION, *REFERENCES)]
    assert tokens == [10, 7, 8]
    assert " ".join(_words(PREDICTION)) == "on old mat cats were sitting"
    assert " ".join(_words(REFERENCES[1])) == "cats sit on old mat"


def test_the_counts_of_bleu_are_sacrebleus() -> None:
    score = sacrebleu.sentence_bleu(PREDICTION, REFERENCES)
    assert (score.counts, score.totals, score.bp) == ([4, 1, 0, 0], [10, 9, 8, 7], 1.0)
    assert score.precisions[2:] == [100 / 2 / 8, 100 / 4 / 7]


def test_the_four_answers_have_those_figures() -> None:
    rows = re.findall(r"^\| (Yes\.|yes|no|maybe) \| (yes|no) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 4
    scores = score_instances(
        [row[0] for row in rows],
        [[row[1]] for row in rows],
        ["accuracy", "macro_f1", "invalid_output"],
        options=[["yes", "no"]] * 4,
    )
    told = {score.metric: f"{score.value:.2f}" for score in summarise(scores, seed=0)}
    assert told == {"accuracy": "50.00", "macro_f1": "40.00", "invalid_output": "25.00"}
    for metric, value in told.items():
        assert re.search(rf"`{metric}`\s+(?:is\s+)?{re.escape(value)}", PAGE), metric
    assert f1(Fraction(2, 2), Fraction(2, 3)) == "80.00"
