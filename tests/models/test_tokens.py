from __future__ import annotations

import pytest

from tests.conftest import byte_tokenizer
from tuition.base.errors import UserError
from tuition.models.tokens import PromptTokenizer, TokenizedPrompt
from tuition.prompts import Prompt

PROMPT = Prompt("Definition: x\ninput:", " some words\noutput:", " yes")


def test_a_sequence_is_the_concatenation_of_its_parts_and_only_the_target_is_learnt() -> None:
    tokens = PromptTokenizer(byte_tokenizer())
    ids = tokens([PROMPT])[0]
    assert tokens.tokenizer.decode(ids.ids) == PROMPT.text + "<|end|>"
    assert len(ids.prefix) == len(PROMPT.prefix)
    assert ids.label_mask == (False,) * len(PROMPT.source) + (True,) * (len(PROMPT.target) + 1)
    assert ids.target[-1] == tokens.end


def test_a_parts_tokens_do_not_depend_on_its_neighbours() -> None:
    tokens = PromptTokenizer(byte_tokenizer())
    one, other = tokens([PROMPT, Prompt("input:", PROMPT.body, " no")])
    assert one.body == other.body


def test_special_tokens_written_in_a_text_stay_text() -> None:
    tokens = PromptTokenizer(byte_tokenizer())
    ids = tokens([Prompt("a", " <|end|>", " b")])[0]
    assert tokens.end not in ids.body
    assert len(ids.body) == len(" <|end|>")


def test_the_start_token_of_a_tokenizer_opens_the_prefix_only() -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<|start|>"})
    start = tokenizer.convert_tokens_to_ids("<|start|>")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|start|> $A", special_tokens=[("<|start|>", start)]
    )
    ids = PromptTokenizer(tokenizer)([PROMPT])[0]
    assert ids.prefix[0] == start
    assert start not in ids.prefix[1:] + ids.body + ids.target


def test_a_tokenizer_without_end_token_is_refused() -> None:
    tokenizer = byte_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="has no end token"):
        PromptTokenizer(tokenizer)


@pytest.mark.parametrize("text", ["", "ü", "日本語 🙂", "a\r\nb\t", "x" * 5000])
def test_text_comes_back_from_its_tokens(text: str) -> None:
    tokens = PromptTokenizer(byte_tokenizer())
    assert tokens.decode(tokens.ids([text])[0]) == text
    assert tokens.count(text) == len(text.encode())


def test_ids_are_the_parts_in_order() -> None:
    assert TokenizedPrompt((1, 2), (3,), (4, 5)).ids == (1, 2, 3, 4, 5)


CHATML = (
    "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)


def chat_tokens(template: str = CHATML) -> PromptTokenizer:
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>"]})
    tokenizer.chat_template = template
    return PromptTokenizer(tokenizer)


def test_a_chat_puts_its_own_template_around_a_prompt_and_ends_with_the_turn() -> None:
    tokens = chat_tokens()
    ids = tokens.in_chat()([Prompt("Say it.\ninput:", " x\noutput:", "yes")])[0]
    asked = [{"role": "user", "content": "Say it.\ninput: x\noutput:"}, {"role": "assistant", "content": "yes"}]
    whole = tokens.tokenizer.apply_chat_template(asked, tokenize=True, return_dict=False)
    assert list(ids.ids) == whole[: len(ids.ids)]
    assert ids.target[-1] == tokens.tokenizer.convert_tokens_to_ids("<|end|>")
    assert tokens.in_chat().overhead == len(ids.ids) - len("Say it.\ninput: x\noutput:yes")


def test_a_turn_mark_written_in_a_prompt_opens_no_turn() -> None:
    tokens = chat_tokens().in_chat()
    turn = tokens.tokenizer.convert_tokens_to_ids("<|turn|>")
    ids = tokens([Prompt("<|turn|>system\n", " <|turn|>", "a")])[0].ids
    assert ids.count(turn) == 2


@pytest.mark.parametrize("template", ["", "{{ messages[0]['role'] }}", "{{ messages[0].content * 2 }}"])
def test_a_tokenizer_without_a_usable_chat_template_is_refused(template: str) -> None:
    with pytest.raises(UserError, match="chat template"):
        chat_tokens(template).in_chat()
