import itertools
import json
import os
import random
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from tuition.base.errors import UserError
from tuition.evaluation.metrics import rouge, rouge_l, rouge_l_many

DATA = Path(os.environ.get("TUITION_SHARED_DATA", Path(__file__).resolve().parents[3].parent / "shared" / "data"))
SCORER = RougeScorer(["rougeL"], use_stemmer=True)

ENDINGS = re.findall(
    r"\S+",
    """
    s es ies sses eed ed ing at bl iz y ational tional enci anci izer abli alli entli eli ousli ization ation ator
    alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence er
    ic able ible ant ement ment ent sion tion ou ism ate iti ous ive ize e ll 7 ing7 s0
    """,
)
IRREGULAR = ["sky", "skies", "dying", "lying", "tying", "news", "innings", "outing", "cannings", "howe", "proceed"]

words = st.one_of(
    st.builds(str.__add__, st.text("abyltsei", max_size=5), st.sampled_from(ENDINGS)),
    st.text("aby0", min_size=1, max_size=3),
    st.sampled_from(IRREGULAR),
)
gaps = st.sampled_from([" ", "  ", "\n", "-", "'", ", ", "\0", "\x1c", "é", " A ", "İ", "\ud800", "中"])
worded = st.lists(st.tuples(words, gaps), max_size=30).map(lambda parts: "".join(map("".join, parts)))
texts = st.one_of(worded, worded.map(str.upper), st.text(max_size=60))


def peer(prediction: str, reference: str) -> str:
    return float(SCORER.score(reference, prediction)["rougeL"].fmeasure).hex()


def ours(prediction: str, *references: str) -> str:
    return rouge_l(prediction, references).hex()


def real_outputs() -> list[list[str]]:
    files = sorted((DATA / "superni" / "tasks").glob("*.json"))
    if not files:
        pytest.skip(f"no tasks in {DATA / 'superni' / 'tasks'}")
    tasks = [json.loads(file.read_bytes())["Instances"] for file in files]
    return [[output for instance in task for output in instance["output"]] for task in tasks]


@settings(max_examples=800, deadline=None)
@given(texts, texts)
def test_every_bit_equals_rouge_score_on_any_text(prediction, reference):
    assert ours(prediction, reference) == peer(prediction, reference)


@settings(max_examples=600, deadline=None)
@given(st.lists(words, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_every_bit_equals_rouge_score_on_reordered_words(parts, draw):
    reference = " ".join(parts)
    draw.shuffle(parts)
    assert ours(" ".join(parts), reference) == peer(" ".join(parts), reference)


def test_every_bit_equals_rouge_score_on_thousands_of_real_outputs():
    draw = random.Random(1)
    pairs = []
    for task in real_outputs():
        for _ in range(12):
            reference = draw.choice(task)
            kept = " ".join(word for word in reference.split() if draw.random() < 0.7)
            pairs += [(draw.choice(task), reference), (kept, reference)]
    scores = rouge_l_many([prediction for prediction, _ in pairs], [(reference,) for _, reference in pairs])
    assert len(pairs) > 2500
    assert [score.hex() for score in scores] == [peer(*pair) for pair in pairs]


def test_words_of_the_real_data_stem_as_rouge_score_stems_them():
    """Every pair of neighbours in the sorted vocabulary, where words of one stem stand side by side."""
    vocabulary = sorted({word for task in real_outputs() for text in task for word in text.lower().split()})
    pairs = list(itertools.pairwise(vocabulary))
    scores = rouge_l_many([a for a, _ in pairs], [(b,) for _, b in pairs])
    assert 0 < sum(scores) < len(pairs)
    assert [score.hex() for score in scores] == [peer(*pair) for pair in pairs]


@settings(max_examples=300, deadline=None)
@given(texts, st.lists(texts, min_size=1, max_size=4))
def test_the_best_of_several_references_counts(prediction, references):
    best = SCORER.score_multi(references, prediction)["rougeL"].fmeasure
    assert ours(prediction, *references) == float(best).hex()
    assert ours(prediction, *references) == max(rouge_l(prediction, (one,)) for one in references).hex()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(texts, st.lists(texts, min_size=1, max_size=3)), max_size=12))
def test_many_at_once_score_as_one_by_one(rows):
    scores = rouge_l_many([prediction for prediction, _ in rows], [accepted for _, accepted in rows])
    assert [score.hex() for score in scores] == [ours(prediction, *accepted) for prediction, accepted in rows]


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("The CAT, sat!", "the cat sat", 1.0),
        ("cats sitting", "cat sits", 1.0),
        ("a b c d", "b d", 2 / 3),
        ("b a", "a b", 0.5),
        ("", "", 0.0),
        ("", "yes", 0.0),
        ("yes", "", 0.0),
        ("?!", "?!", 0.0),
        ("是的", "是的", 0.0),
        ("да", "да", 0.0),
        ("naïve", "na ve", 1.0),
        ("A", "a", 1.0),
        ("a", "b", 0.0),
        ("\u212aelvin", "kelvin", 1.0),
    ],
)
def test_known_cases(prediction, reference, score):
    assert rouge_l(prediction, [reference]) == score
    assert rouge_l_many([prediction], [[reference]]) == [score]
    assert ours(prediction, reference) == peer(prediction, reference)


def test_long_texts_equal_rouge_score():
    draw = random.Random(2)
    prediction, reference = (" ".join(draw.choices(["run", "running", "ran", "x1", "yes"], k=900)) for _ in range(2))
    assert ours(prediction, reference) == peer(prediction, reference)


def test_texts_of_more_words_than_sixteen_bits_can_number():
    numbers = [str(number) for number in range(1_000_000, 1_070_000)]
    score = rouge_l(" ".join(numbers[::2]), [" ".join(numbers)])
    assert score == 2 * 1.0 * 0.5 / (1.0 + 0.5)


def test_small_batches_and_vocabularies_change_no_score(monkeypatch):
    draw = random.Random(3)
    rows = [" ".join("".join(draw.choices("abes", k=draw.randint(1, 6))) for _ in range(6)) for _ in range(200)]
    references = [[row, rows[at - 1]] for at, row in enumerate(reversed(rows))]
    expected = rouge_l_many(rows, references)
    monkeypatch.setattr(rouge, "_vocabulary", rouge._Vocabulary())
    monkeypatch.setattr(rouge, "_MAX_WORDS", 20)
    monkeypatch.setattr(rouge, "_BATCH_LETTERS", 100)
    assert rouge_l_many(rows, references) == expected
    assert len(rouge._vocabulary) < 20 + 100


def test_long_words_do_not_pile_up_in_the_vocabulary(monkeypatch):
    monkeypatch.setattr(rouge, "_vocabulary", rouge._Vocabulary())
    monkeypatch.setattr(rouge, "_MAX_LETTERS", 1000)
    for number in range(100):
        assert rouge_l(f"{number}x" * 500, [f"{number}x" * 500]) == 1.0
    assert len(rouge._vocabulary) <= 3


def test_threads_that_outgrow_the_vocabulary_agree(monkeypatch):
    monkeypatch.setattr(rouge, "_vocabulary", rouge._Vocabulary())
    monkeypatch.setattr(rouge, "_MAX_WORDS", 50)
    draw = random.Random(4)
    rows = [" ".join(str(draw.randint(1, 300)) for _ in range(8)) for _ in range(400)]
    references = [(row,) for row in rows[1:] + rows[:1]]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: [rouge_l(*row) for row in zip(rows, references, strict=True)], range(4)))
    finally:
        sys.setswitchinterval(interval)
    expected = [
        SCORER.score(reference, row)["rougeL"].fmeasure for row, (reference,) in zip(rows, references, strict=True)
    ]
    assert results == [expected] * 4


def test_a_text_with_more_different_words_than_there_are_characters_is_refused(monkeypatch):
    monkeypatch.setattr(rouge, "_vocabulary", rouge._Vocabulary())
    monkeypatch.setattr(rouge, "sys", SimpleNamespace(maxunicode=3))
    assert rouge_l("1 2 3", ["3 2 1"]) == 1 / 3
    with pytest.raises(UserError, match="over 3 different words"):
        rouge_l("1 2 3 4", ["4"])


def test_no_reference_is_refused_with_its_place():
    with pytest.raises(UserError, match="no reference"):
        rouge_l("yes", [])
    with pytest.raises(UserError, match="prediction 1 has no reference"):
        rouge_l_many(["yes", "no"], [["yes"], []])


def test_a_bare_string_is_not_taken_for_a_list_of_letters():
    with pytest.raises(TypeError, match="one string"):
        rouge_l("yes", "yes")
    with pytest.raises(TypeError, match="prediction 0 are one string"):
        rouge_l_many(["yes"], ["yes"])


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 predictions but 1 lists"):
        rouge_l_many(["yes", "no"], [["yes"]])


def test_nothing_to_score_gives_nothing():
    assert rouge_l_many([], []) == []
