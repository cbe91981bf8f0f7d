"""A server's API key: read from the environment, sent in one header, and never shown."""

from __future__ import annotations

import base64
import os
import re
from typing import NoReturn

from tuition.base.errors import UserError
from tuition.evaluation.remote.endpoint import NO_KEY, Endpoint

VARIABLES = ("TUITION_API_KEY", "OPENAI_API_KEY")
"""The environment variables read by default; the first that is set counts."""
_MASK = "[key]"
# A shorter key is a placeholder for servers that need none ("EMPTY", "none"), and may well occur in an answer.
_SECRET_LENGTH = 16


def _escaped(character: str) -> str:
    """Return a pattern of a character, plain or escaped once or more by JSON, Python, URLs or HTML."""
    code = ord(character)
    either = f"(?i:{code:02x})"
    forms = (
        rf"\\*{re.escape(character)}",
        rf"\\+u00{either}",
        rf"\\+x{either}",
        f"%(?:25)*{either}",
        f"&(?:amp;)*#0*{code};",
        f"&(?:amp;)*#[xX]0*{either};",
    )
    return f"(?:{'|'.join(forms)})"


class Key:
    """A key that can be neither printed nor pickled, and the name of the variable that it came from."""

    __slots__ = ("_text", "variable")

    def __init__(self, text: str = "", variable: str = "") -> None:
        """Wrap a key; an empty text means no key."""
        self._text = text
        self.variable = variable

    def __repr__(self) -> str:
        """Return a representation without the key."""
        return f"Key(…, {self.variable!r})" if self._text else "Key()"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("a key is never written")

    def headers(self) -> dict[str, str]:
        """Return the header with the key; empty without one."""
        return {"Authorization": f"Bearer {self._text}"} if self._text else {}

    def origin(self) -> str:
        """Describe where the key came from, or that none was sent."""
        if self._text:
            return f"the key came from {self.variable}"
        return f"no key was sent: none of {', '.join(VARIABLES)} is set, or `{NO_KEY}` was requested"

    def hidden_in_message(self, text: str) -> str:
        """Return a message with the key masked, since servers often repeat it."""
        if not self._text:
            return text
        for form in self._forms():
            text = form.sub(_MASK, text)
        return text

    def _forms(self) -> tuple[re.Pattern[str], ...]:
        """Return patterns of the key, plain and as servers encode it: in JSON, URLs, HTML, base64 and hexadecimal."""
        data = self._text.encode("ascii")
        written = re.compile("".join(map(_escaped, self._text)))
        if len(self._text) < _SECRET_LENGTH:
            return (written,)
        # Text before the key shifts its base64 by 0, 1 or 2 bytes; the characters at both ends depend on neighbours.
        shifted = (base64.b64encode(b"\0" * shift + data).decode()[(0, 2, 3)[shift] : -4] for shift in range(3))
        encoded = [re.escape(text) for text in (*shifted, data.hex())]
        url_safe = [text.replace(r"\+", "-").replace("/", "_") for text in encoded]
        return (written, re.compile("|".join([*encoded, *url_safe]), re.IGNORECASE))

    def hidden_in_store(self, text: str) -> str:
        """Return a text to be stored with the key masked, unless the key is too short to be a secret."""
        return self.hidden_in_message(text) if len(self._text) >= _SECRET_LENGTH else text


def read_key(endpoint: Endpoint) -> Key:
    """Return the endpoint's key from the environment; an empty key if no variable is set or none is to be sent.

    Raises:
        UserError: the variable that the endpoint names is not set, its value cannot be a key, or it would be sent to
            another machine unencrypted.
    """
    named = endpoint.key_variable
    if named == NO_KEY:
        return Key()
    found = ((name, os.environ.get(name, "").strip()) for name in ((named,) if named else VARIABLES))
    variable, text = next((pair for pair in found if pair[1]), ("", ""))
    if not text:
        if named:
            raise UserError(f"the environment variable with the key for {endpoint.host} is not set; set it")
        return Key()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise UserError(f"{variable} has characters that a key cannot have: spaces, line ends or non-ASCII letters")
    if not (endpoint.encrypted or endpoint.local):
        raise UserError(
            f"the key in {variable} would go to {endpoint.host} unencrypted, where others can read it; use https://, "
            f"or give `{NO_KEY}` as the key's variable if that server needs no key"
        )
    return Key(text, variable)
