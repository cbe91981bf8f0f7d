"""BLEU and chrF are sacrebleu's, by instance and for a corpus, also where instances are drawn anew."""

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from tuition.base.errors import UserError
from tuition.evaluation.metric_scores import score_instances, summarise
from tuition.evaluation.metrics import METRICS
from tuition.evaluation.metrics.bleu import bleu
from tuition.evaluation.metrics.chrf import chrf

from ._pairs import UGLY, real_rows

PEERS = {"bleu": (BLEU, sacrebleu.sentence_bleu, bleu), "chrf": (CHRF, sacrebleu.sentence_chrf, chrf)}
texts = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(["the", "cat", "sat", ".", "on", "是", "1,000", "a-b", "\n"])).map(" ".join),
)


def streams(references):
    """References as sacrebleu takes them: a list for each position, None where an instance has fewer."""
    most = max(map(len, references))
    return [[own[at] if at < len(own) else None for own in references] for at in range(most)]


@pytest.mark.parametrize("name", PEERS)
def test_corpus_scores_print_as_sacrebleu_prints_them(name):
    rows = real_rows()
    predictions, references = [row[0] for row in rows], [row[1] for row in rows]
    [score] = summarise(score_instances(predictions, references, [name]), seed=0)
    expected = PEERS[name][0]().corpus_score(predictions, streams(references)).score
    assert score.value == pytest.approx(expected, rel=1e-14)
    assert score.low < score.value < score.high


@pytest.mark.parametrize("name", PEERS)
def test_an_instance_scores_as_sacrebleu_scores_a_sentence(name):
    rows = real_rows(a_task=2)
    scores = score_instances([row[0] for row in rows], [row[1] for row in rows], [name])[name]
    _, peer, ours = PEERS[name]
    expected = [min(100, peer(*row).score) for row in rows]
    assert [100 * score for score in scores] == pytest.approx(expected, rel=1e-14)
    assert scores == [ours(*row) for row in rows]
    assert 0 < sum(scores) < len(scores)


@settings(max_examples=200, deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=3))
@pytest.mark.parametrize("name", PEERS)
def test_any_text_scores_as_sacrebleu_scores_it(name, prediction, references):
    _, peer, ours = PEERS[name]
    assert ours(prediction, references) == pytest.approx(min(1.0, peer(prediction, references).score / 100), rel=1e-14)
    assert score_instances([prediction], [references], [name])[name] == [ours(prediction, references)]


@pytest.mark.parametrize("name", PEERS)
def test_a_drawn_corpus_scores_as_sacrebleu_scores_its_instances(name):
    rows = real_rows(a_task=1)
    predictions, references = [row[0] for row in rows], [row[1] for row in rows]
    corpus = METRICS[name].corpus
    statistics = corpus.statistics(predictions, references, None)
    draw = np.random.default_rng(0)
    counts = np.array([np.bincount(draw.integers(0, len(rows), len(rows)), minlength=len(rows)) for _ in range(5)])
    for times, value in zip(counts, corpus.value(statistics, counts), strict=True):
        chosen = np.repeat(np.arange(len(rows)), times)
        drawn = [predictions[at] for at in chosen], streams([references[at] for at in chosen])
        assert 100 * value == pytest.approx(PEERS[name][0]().corpus_score(*drawn).score, rel=1e-14)


@pytest.mark.parametrize("text", [*UGLY, "\ud800 half"])
@pytest.mark.parametrize("name", PEERS)
def test_odd_texts_stay_between_0_and_1(name, text):
    assert 0.0 <= PEERS[name][2](text, [text, "yes"]) <= 1.0


@pytest.mark.parametrize("name", PEERS)
def test_no_reference_is_refused(name):
    with pytest.raises(UserError, match="no reference"):
        PEERS[name][2]("a", [])
