"""Which of a table's columns are likely the input and the output, by their names and by some of its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tuition.tasks.readers.table.card import TaskCard

Sample = Sequence[Mapping[str, object]]
"""Some rows of a table: their cells by column."""

# Pairs of names that tables of texts and answers go by, the likelier first.
_KNOWN = (
    ("input", "output"), ("prompt", "completion"), ("text", "label"), ("sentence", "label"), ("question", "answer"),
    ("instruction", "output"), ("instruction", "response"),
)  # fmt: skip
# Alpaca (instruction, input, output) and Dolly (instruction, context, response): each row has its own instruction, and
# mostly nothing more to read.
_READ, _WRITTEN = ("input", "context"), ("output", "response")
_INSTRUCTED = "{{ %s }}{%% if %s %%}\n\n{{ %s }}{%% endif %%}"

# Chat messages: the column, the keys of a turn, and who speaks in the answer.
_CHATS = (
    ("messages", "role", "content", "assistant"),
    ("conversations", "from", "value", "gpt"),
    ("conversations", "role", "content", "assistant"),
    ("conversation", "role", "content", "assistant"),
)
_ASKED = (
    '{%% if %(column)s|length == 2 %%}{{ %(column)s[0]["%(text)s"] }}{%% else %%}{%% for turn in %(column)s[:-1] %%}'
    '{{ turn["%(who)s"] }}: {{ turn["%(text)s"] }}{%% if not loop.last %%}\n\n{%% endif %%}{%% endfor %%}{%% endif %%}'
)
_ANSWERED = '{%% if %(column)s[-1]["%(who)s"] == "%(answers)s" %%}{{ %(column)s[-1]["%(text)s"] }}{%% endif %%}'

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
# A column is of running text where most of its values have so many words, and hardly one stands twice.
_WORDS, _MOST, _DISTINCT = 3, 0.5, 0.5


def guessed(card: TaskCard, columns: Sequence[str], rows: Sample) -> TaskCard | None:
    """Return the card with input and output filled in, from columns of well-known names; None if there are none."""
    named = {column.strip().casefold(): column for column in reversed(columns)}
    for read in _READ:
        for written in _WRITTEN:
            if {"instruction", read, written} <= named.keys():
                first, second = named["instruction"], named[read]
                if first.isidentifier() and second.isidentifier():
                    template = _INSTRUCTED % (first, second, second)
                    return card.model_copy(update={"output": (named[written],), "template": template})
    for told, answer in _KNOWN:
        if told in named and answer in named:
            return card.model_copy(update={"output": (named[answer],), "input": (named[told],)})
    return _guessed_chat(card, columns, rows)


def _guessed_chat(card: TaskCard, columns: Sequence[str], rows: Sample) -> TaskCard | None:
    for column, who, text, answers in _CHATS:
        if column in columns and rows and all(_is_chat(row.get(column), who, text) for row in rows):
            names = {"column": column, "who": who, "text": text, "answers": answers}
            return card.model_copy(update={"output": (_ANSWERED % names,), "template": _ASKED % names})
    return None


def _is_chat(value: object, who: str, text: str) -> bool:
    return isinstance(value, list) and all(isinstance(turn, dict) and {who, text} <= turn.keys() for turn in value)


def left_out(used: Sequence[str], columns: Sequence[str], rows: Sample) -> list[str]:
    """Return the columns that look like text to be read and are not among those that are used."""
    return [name for name in columns if name not in used and _is_read(name, [row.get(name) for row in rows])]


def _is_read(name: str, values: Sequence[object]) -> bool:
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
    """Whether a column only tells its rows apart: by its name, or as a running number or the like."""
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
    """Return the columns that are likely the input and the output; None where no two columns may be.

    Ids, lists and objects are neither. The output is the one that names an answer, or else has the fewest different
    values; the input has the longest texts of the others.
    """
    if (known := guessed(TaskCard(), columns, rows)) is not None and known.input:
        return known.input[0], known.output[0]
    open_ = [name for name in columns if _may_be(name, [row.get(name) for row in rows])]
    if len(open_) < 2:
        return None
    texts = {name: [str(row.get(name) or "") for row in rows] for name in open_}

    def length(name: str) -> int:
        return sum(map(len, texts[name]))

    def kinds(name: str) -> tuple[bool, int, int]:
        different = len(set(texts[name]))
        return different < 2, different, length(name)

    answer = next((name for name in open_ if name.strip().casefold() in _ANSWERS), None)
    told = max((name for name in open_ if name != answer), key=length)
    return told, answer or min((name for name in reversed(open_) if name != told), key=kinds)


def _may_be(name: str, values: Sequence[object]) -> bool:
    filled = [value for value in values if value is not None]
    return not is_id(name, filled) and not any(isinstance(value, (list, dict)) for value in filled)
