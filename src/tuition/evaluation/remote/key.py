"""A server's key: read from the environment, sent in one header, and shown nowhere."""

from __future__ import annotations

import base64
import os
import re
from typing import NoReturn

from tuition.base.errors import UserError
from tuition.evaluation.remote.endpoint import NO_KEY, Endpoint

VARIABLES = ("TUITION_API_KEY", "OPENAI_API_KEY")
"""Where a key is looked for if nothing else is said; the first that is set counts."""
_MASK = "[key]"
# What is shorter is a placeholder for servers that want none ("EMPTY", "none"), and may well stand in an answer.
_SECRET = 16


def _escaped(character: str) -> str:
    """Return a pattern of a character as it is, and as JSON, Python, URLs and HTML escape it, once or more."""
    code = ord(character)
    either = f"(?i:{code:02x})"
    ways = (
        rf"\\*{re.escape(character)}",
        rf"\\+u00{either}",
        rf"\\+x{either}",
        f"%(?:25)*{either}",
        f"&(?:amp;)*#0*{code};",
        f"&(?:amp;)*#[xX]0*{either};",
    )
    return f"(?:{'|'.join(ways)})"


class Key:
    """A key that neither prints nor pickles, and the name of the variable that it came from."""

    __slots__ = ("_text", "variable")

    def __init__(self, text: str = "", variable: str = "") -> None:
        """Hold a key; an empty one stands for none."""
        self._text = text
        self.variable = variable

    def __repr__(self) -> str:
        """Say nothing of the key."""
        return f"Key(…, {self.variable!r})" if self._text else "Key()"

    def __reduce__(self) -> NoReturn:
        """Refuse to be written."""
        raise TypeError("a key is never written")

    def headers(self) -> dict[str, str]:
        """Return the header that carries the key; none without one."""
        return {"Authorization": f"Bearer {self._text}"} if self._text else {}

    def origin(self) -> str:
        """Say where the key came from, or that none was sent."""
        if self._text:
            return f"the key came from {self.variable}"
        return f"no key was sent: none of {', '.join(VARIABLES)} is set, or `{NO_KEY}` was asked for"

    def hidden_in_message(self, text: str) -> str:
        """Return a text for people without the key, which servers like to repeat."""
        if not self._text:
            return text
        for form in self._forms():
            text = form.sub(_MASK, text)
        return text

    def _forms(self) -> tuple[re.Pattern[str], ...]:
        """Return patterns of the key as it is and as servers escape it: in JSON, URLs, HTML, base64 and hexadecimal."""
        data = self._text.encode("ascii")
        written = re.compile("".join(map(_escaped, self._text)))
        if len(self._text) < _SECRET:
            return (written,)
        # What stands before the key shifts its base64 by nothing, one or two bytes; the ends belong to neighbours too.
        shifted = (base64.b64encode(b"\0" * shift + data).decode()[(0, 2, 3)[shift] : -4] for shift in range(3))
        encoded = [re.escape(text) for text in (*shifted, data.hex())]
        url_safe = [text.replace(r"\+", "-").replace("/", "_") for text in encoded]
        return (written, re.compile("|".join([*encoded, *url_safe]), re.IGNORECASE))

    def hidden_in_store(self, text: str) -> str:
        """Return a text to be stored without the key, unless that is too short to be a secret."""
        return self.hidden_in_message(text) if len(self._text) >= _SECRET else text


def read_key(endpoint: Endpoint) -> Key:
    """Return the endpoint's key from the environment; none where no variable is set or none is to be sent.

    Raises:
        UserError: a variable that the endpoint names is not set, what it holds cannot be sent, or it would go to
            another machine unencrypted.
    """
    named = endpoint.key_variable
    if named == NO_KEY:
        return Key()
    found = ((name, os.environ.get(name, "").strip()) for name in ((named,) if named else VARIABLES))
    variable, text = next((pair for pair in found if pair[1]), ("", ""))
    if not text:
        if named:
            raise UserError(f"the variable that is to hold the key for {endpoint.host} is not set; set it")
        return Key()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise UserError(f"{variable} holds something that no key can: spaces, line ends or letters beyond ASCII")
    if not (endpoint.encrypted or endpoint.local):
        raise UserError(
            f"the key in {variable} would go to {endpoint.host} unencrypted, where others can read it; use https://, "
            f"or say `{NO_KEY}` for the key's variable if that server needs no key"
        )
    return Key(text, variable)
