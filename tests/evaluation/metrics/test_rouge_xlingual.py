import itertools
import lzma
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from tuition.evaluation.metrics import gpt2
from tuition.evaluation.metrics.gpt2 import byte_symbols, gpt2_tokenizer
from tuition.evaluation.metrics.rouge import rouge_l
from tuition.evaluation.metrics.rouge_xlingual import rouge_l_xlingual, rouge_l_xlingual_many

from ._pairs import UGLY, real_rows

texts = st.one_of(
    st.text(max_size=40), st.lists(st.sampled_from(["  ", "the", " cat's", "是的", "🎉", "\n", "שלום"])).map("".join)
)


class Merged:
    """GPT-2's tokenizer spelled out: its published pattern, bytes as letters, the pair of lowest rank merged first."""

    def __init__(self):
        import regex

        data = lzma.decompress(resources.files("tuition.evaluation.metrics").joinpath("gpt2_merges.xz").read_bytes())
        lines = data.decode().split("\n")[1:]
        self.ranks = {tuple(line.split(" ")): rank for rank, line in enumerate(lines) if line}
        self.pattern = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
        printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
        order = printing + [byte for byte in range(256) if byte not in printing]
        self.letters = dict(zip(order, byte_symbols(), strict=True))

    def tokenize(self, text):
        parts = []
        for word in self.pattern.findall(text):
            symbols = [self.letters[byte] for byte in word.encode()]
            while len(symbols) > 1:
                pairs = list(itertools.pairwise(symbols))
                best = min(pairs, key=lambda pair: self.ranks.get(pair, 1 << 30))
                if best not in self.ranks:
                    break
                merged, at = [], 0
                while at < len(symbols):
                    if tuple(symbols[at : at + 2]) == best:
                        merged.append("".join(best))
                        at += 2
                    else:
                        merged.append(symbols[at])
                        at += 1
                symbols = merged
            parts += symbols
        return [part.lstrip("Ġ") for part in parts]


SCORER = RougeScorer(["rougeL"], tokenizer=Merged())


def peer(prediction, references):
    return max(float(SCORER.score(reference, prediction)["rougeL"].fmeasure) for reference in references)


def test_ids_are_those_that_are_published_for_gpt2():
    assert gpt2_tokenizer().encode("hello world").ids == [31373, 995]
    assert gpt2_tokenizer().encode("Hello world<|endoftext|>").ids == [15496, 995, 50256]
    assert gpt2_tokenizer().get_vocab_size() == 50257


def test_every_bit_equals_rouge_score_with_such_a_tokenizer_on_real_outputs():
    rows = [row for row in real_rows(a_task=3) if len(row[0]) + max(map(len, row[1])) < 600]
    scores = rouge_l_xlingual_many([prediction for prediction, _ in rows], [references for _, references in rows])
    assert len(rows) > 250
    assert [score.hex() for score in scores] == [peer(*row).hex() for row in rows]


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_every_bit_equals_rouge_score_with_such_a_tokenizer_on_any_text(prediction, reference):
    assert rouge_l_xlingual(prediction, [reference]).hex() == peer(prediction, [reference]).hex()


def test_texts_without_latin_letters_have_tokens():
    assert rouge_l("是的", ["是的"]) == 0.0
    assert rouge_l_xlingual("是的", ["是的"]) == 1.0
    assert rouge_l_xlingual("שלום", ["שלום עולם"]) == pytest.approx(peer("שלום", ["שלום עולם"]))


def test_a_word_is_the_same_at_the_beginning_and_within_but_case_counts():
    assert rouge_l_xlingual("cat", ["the cat"]) == pytest.approx(2 / 3)
    assert rouge_l_xlingual("Cat", ["the cat"]) == 0.0


@pytest.mark.parametrize("text", [*UGLY, "\ud800 half", "<|endoftext|>"])
def test_odd_texts_equal_themselves(text):
    assert rouge_l_xlingual(text, [text]) == (1.0 if text else 0.0)


def test_a_changed_file_of_merges_is_refused(monkeypatch):
    monkeypatch.setattr(gpt2, "MERGES_SHA256", "0" * 64)
    gpt2_tokenizer.cache_clear()
    with pytest.raises(RuntimeError, match="install it again"):
        gpt2_tokenizer()
    monkeypatch.undo()
    gpt2_tokenizer.cache_clear()
