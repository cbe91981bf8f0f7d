"""Which references a metric cannot read, for each rule by which metrics split text into words."""

from __future__ import annotations

import re
import string

_DROP_PUNCTUATION = str.maketrans("", "", string.punctuation)
_LEAST = 0.5
# Scripts that are written without spaces between words: Thai, Lao, Tibetan, Myanmar, Khmer, Kana, Han.
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9d\U00020000-\U000323af]"
)


def hides_from_ascii_words(text: str) -> bool:
    """Whether less than half of a text's letters and digits are a-z and 0-9, or none is; False for white space.

    Examples:
        >>> hides_from_ascii_words("今天天气很好"), hides_from_ascii_words("naïve café")
        (True, False)
    """
    if not text.strip():
        return False
    seen = sum(character.isascii() and character.isalnum() for character in text)
    return seen < _LEAST * sum(map(str.isalnum, text)) or not seen


def hides_without_punctuation(text: str) -> bool:
    """Whether a text is nothing but ASCII punctuation, so that it is empty once that is stripped."""
    return bool(text.strip()) and not text.translate(_DROP_PUNCTUATION).strip()


def hides_without_spaces(text: str) -> bool:
    """Whether more than half of a text's letters are in scripts without spaces between words."""
    letters = sum(map(str.isalnum, text))
    return len(_WITHOUT_SPACES.findall(text)) > _LEAST * letters if letters else False
