from __future__ import annotations

import pytest

from tests.conftest import byte_tokenizer
from tuition.audit import AuditFinding, audit_collection
from tuition.audit.round_trips import round_trip_audit


@pytest.fixture(scope="module")
def t5_like():
    """A SentencePiece-like tokenizer with T5's habits: white space is folded, and braces are unknown."""
    from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
    from tokenizers.models import Unigram
    from transformers import PreTrainedTokenizerFast

    from tuition.models.tokens import PromptTokenizer

    letters = [chr(code) for code in range(33, 127) if chr(code) not in "{}"]
    core = Tokenizer(Unigram([("<unk>", 0.0), ("</s>", 0.0), ("▁", -2.0), *((c, -3.0) for c in letters)], unk_id=0))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    core.decoder = decoders.Metaspace(prepend_scheme="always")
    return PromptTokenizer(PreTrainedTokenizerFast(tokenizer_object=core, eos_token="</s>", unk_token="<unk>"))


def audited(make_collection, tokens, *tasks) -> list[AuditFinding]:
    return audit_collection(make_collection(*tasks), [round_trip_audit(tokens, "tiny")])


def test_a_tokenizer_of_bytes_loses_nothing(make_task, make_collection) -> None:
    from tuition.models.tokens import PromptTokenizer

    task = make_task([("a\n{b}  c\té 東 \u200b", "x\ny"), ("", "z")])
    assert audited(make_collection, PromptTokenizer(byte_tokenizer()), task) == []


def test_what_t5_drops_is_said_sign_by_sign(t5_like, make_task, make_collection) -> None:
    one = make_task([("a\nb {c}", "yes"), ("d {e}", "no"), ("fine", "no")], "task1_a")
    other = make_task([("fine too", "also\nfine")], "task2_b")
    outputs, inputs = audited(make_collection, t5_like, one, other, make_task([("ok", "ok")], "task3_c"))
    assert (outputs.kind, outputs.severity, outputs.tasks, outputs.count) == (
        "lost-by-tokenizer",
        "warning",
        ("task2_b",),
        1,
    )
    assert "'\\n' becomes ' ' (1)" in outputs.message
    assert (inputs.severity, inputs.tasks, inputs.count) == ("note", ("task1_a",), 2)
    for told in ("'{' is dropped (2)", "'}' is dropped (2)", "'\\n' becomes ' ' (1)"):
        assert told in inputs.message


def test_runs_of_spaces_and_changed_signs_are_told(t5_like, make_task, make_collection) -> None:
    (inputs,) = audited(make_collection, t5_like, make_task([("wait … for  it", "yes")]))
    assert "a run of spaces becomes ' ' (1)" in inputs.message
    assert "'…' becomes '...' (1)" in inputs.message


def test_many_signs_are_counted_and_not_all_named(t5_like, make_task, make_collection) -> None:
    (inputs,) = audited(make_collection, t5_like, make_task([("".join(chr(0x4E00 + n) for n in range(50)), "yes")]))
    assert "50 characters" in inputs.message
    assert "and 42 more" in inputs.message
    assert len(inputs.message) < 500


def test_a_definition_counts_as_an_input(t5_like, make_task, make_collection) -> None:
    (inputs,) = audited(make_collection, t5_like, make_task([("a", "b")], definitions=("Fill {it} in.",)))
    assert "'{' is dropped (1)" in inputs.message
