"""Guess a table's input and output columns from their names and from some of its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tuition.tasks.readers.table.card import TaskCard

Sample = Sequence[Mapping[str, object]]
"""Some rows of a table: their cells by column."""

# Pairs of names that tables use for input and output, the more common first.
_KNOWN = (
    ("input", "output"), ("prompt", "completion"), ("text", "label"), ("sentence", "label"), ("question", "answer"),
    ("instruction", "output"), ("instruction", "response"),
)  # fmt: skip
# Alpaca (instruction, input, output) and Dolly (instruction, context, response): each row has its own instruction, and
# usually no other input.
_CONTEXTS, _RESPONSES = ("input", "context"), ("output", "response")
_INSTRUCTED = "{{ %s }}{%% if %s %%}\n\n{{ %s }}{%% endif %%}"

# Chat messages: the column, the turn's keys of role and text, and the role of the answer.
_CHATS = (
    ("messages", "role", "content", "assistant"),
    ("conversations", "from", "value", "gpt"),
    ("conversations", "role", "content", "assistant"),
    ("conversation", "role", "content", "assistant"),
)
_CHAT_INPUT = (
    '{%% if %(column)s|length == 2 %%}{{ %(column)s[0]["%(text)s"] }}{%% else %%}{%% for turn in %(column)s[:-1] %%}'
    '{{ turn["%(who)s"] }}: {{ turn["%(text)s"] }}{%% if not loop.last %%}\n\n{%% endif %%}{%% endfor %%}{%% endif %%}'
)
_CHAT_OUTPUT = '{%% if %(column)s[-1]["%(who)s"] == "%(answers)s" %%}{{ %(column)s[-1]["%(text)s"] }}{%% endif %%}'

_ANSWERS = frozenset(
    {"output", "completion", "label", "answer", "target", "response", "class", "category", "department", "intent"}
    | {"sentiment", "topic", "summary", "translation", "reply", "gold", "y"}
)
_TEXTS = frozenset(
    {"input", "text", "context", "passage", "premise", "hypothesis", "question", "sentence", "sentence1", "sentence2"}
    | {"paragraph", "document", "article", "background", "system", "system_prompt", "history", "query", "prompt"}
    | {"instruction", "body", "content", "message", "messages", "conversations", "choices", "story", "dialogue"}
)  # fmt: skip
_IDS = re.compile(r"(?:.*[_-])?(?:id|idx|index|uid|uuid|guid|key|hash|row|no|nr)", re.IGNORECASE)
_ID_VALUE = re.compile(r"(?=.*\d)[0-9a-f-]{8,}|([A-Za-z_.-]+)\d+", re.IGNORECASE)
# A column is running text if most of its values have at least this many words, and most of its texts are distinct.
_WORDS, _MOST, _DISTINCT = 3, 0.5, 0.5


def guessed(card: TaskCard, columns: Sequence[str], rows: Sample) -> TaskCard | None:
    """Return the card with input and output filled in, from columns with well-known names; None if there are none."""
    named = {column.strip().casefold(): column for column in reversed(columns)}
    for context in _CONTEXTS:
        for response in _RESPONSES:
            if {"instruction", context, response} <= named.keys():
                first, second = named["instruction"], named[context]
                if first.isidentifier() and second.isidentifier():
                    template = _INSTRUCTED % (first, second, second)
                    return card.model_copy(update={"output": (named[response],), "template": template})
    for input_, output in _KNOWN:
        if input_ in named and output in named:
            return card.model_copy(update={"output": (named[output],), "input": (named[input_],)})
    return _guessed_chat(card, columns, rows)


def _guessed_chat(card: TaskCard, columns: Sequence[str], rows: Sample) -> TaskCard | None:
    for column, who, text, answers in _CHATS:
        if column in columns and rows and all(_is_chat(row.get(column), who, text) for row in rows):
            names = {"column": column, "who": who, "text": text, "answers": answers}
            return card.model_copy(update={"output": (_CHAT_OUTPUT % names,), "template": _CHAT_INPUT % names})
    return None


def _is_chat(value: object, who: str, text: str) -> bool:
    return isinstance(value, list) and all(isinstance(turn, dict) and {who, text} <= turn.keys() for turn in value)


def left_out(used: Sequence[str], columns: Sequence[str], rows: Sample) -> list[str]:
    """Return the unused columns that look like a part of the input."""
    return [name for name in columns if name not in used and _looks_like_input(name, [row.get(name) for row in rows])]


def _looks_like_input(name: str, values: Sequence[object]) -> bool:
    filled = [value for value in values if value not in (None, "", [], {}) and not _is_blank(value)]
    if not filled or is_id(name, filled):
        return False
    if name.strip().casefold() in _TEXTS:
        return any(isinstance(value, (str, list, dict)) for value in filled)
    texts = [value for value in filled if isinstance(value, str)]
    long = [text for text in texts if len(text.split()) >= _WORDS]
    return len(long) > _MOST * len(filled) and len(set(texts)) > _DISTINCT * len(texts)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def is_id(name: str, values: Sequence[object]) -> bool:
    """Whether a column only identifies its rows: by its name, or because it is a running number or similar."""
    if _IDS.fullmatch(name.strip()):
        return True
    texts = [str(value) for value in values]
    if name.strip().casefold() in _TEXTS | _ANSWERS or len(texts) < 3 or len(set(texts)) < len(texts):
        return False
    if all(text.isascii() and text.isdecimal() and len(text) < 19 for text in texts):
        numbers = sorted(map(int, texts))
        return numbers[-1] - numbers[0] == len(numbers) - 1
    matches = [_ID_VALUE.fullmatch(text) for text in texts]
    return all(matches) and len({match[1] for match in matches if match}) == 1


def likely_columns(columns: Sequence[str], rows: Sample) -> tuple[str, str] | None:
    """Return the columns that are likely the input and the output; None if fewer than two columns are possible.

    Ids, lists and objects are neither. The output is the column named like an answer, or else the one with the fewest
    distinct values; the input is the one with the longest texts of the others.
    """
    if (known := guessed(TaskCard(), columns, rows)) is not None and known.input:
        return known.input[0], known.output[0]
    candidates = [name for name in columns if _is_candidate(name, [row.get(name) for row in rows])]
    if len(candidates) < 2:
        return None
    texts = {name: [str(row.get(name) or "") for row in rows] for name in candidates}

    def length(name: str) -> int:
        return sum(map(len, texts[name]))

    def variety(name: str) -> tuple[bool, int, int]:
        distinct = len(set(texts[name]))
        return distinct < 2, distinct, length(name)

    output = next((name for name in candidates if name.strip().casefold() in _ANSWERS), None)
    input_ = max((name for name in candidates if name != output), key=length)
    return input_, output or min((name for name in reversed(candidates) if name != input_), key=variety)


def _is_candidate(name: str, values: Sequence[object]) -> bool:
    filled = [value for value in values if value is not None]
    return not is_id(name, filled) and not any(isinstance(value, (list, dict)) for value in filled)
