"""Where a remote model is, how it is asked, and what is known about its server."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from tuition.base.errors import UserError, clip
from tuition.base.fingerprints import fingerprint
from tuition.evaluation.remote.limits import Limits
from tuition.evaluation.remote.retries import Retrying

Kind = Literal["chat", "completions"]

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""Stands for a key's variable where no key is to be sent."""

PATHS: dict[Kind, str] = {"chat": "/chat/completions", "completions": "/completions"}
"""What stands behind an endpoint's address for each way of asking."""

_FORMS: dict[str, Kind] = {"openai": "chat", "openai-completions": "completions"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model behind an OpenAI-compatible server. It never holds a key.

    Args:
        model: the model's name, as the server knows it.
        url: the server's address up to and with `/v1`.
        kind: `chat` puts a prompt into a user's turn, `completions` lets the model go on behind it. What is told in a
            chat goes to the chat in either case.
        system: a chat's system message; none by default.
        fields: more fields of each request's body. They win over ours; a None takes a field of ours away, as models
            need that refuse `temperature` or want `max_completion_tokens` instead of `max_tokens`.
        key_variable: the environment variable that holds the key, or `none`. By default it is the first that is set
            of `TUITION_API_KEY` and `OPENAI_API_KEY`.
        limits: how much may be asked at once and within a time.
        retrying: how often and when a failed request is asked again.
        timeout: the longest that one request may take, in seconds.

    Raises:
        UserError: the name, the kind or the address is not one, or the address holds a password or a query, which may
            be a key.
    """

    model: str
    url: str = OPENAI_URL
    kind: Kind = "chat"
    system: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    key_variable: str = ""
    limits: Limits = field(default_factory=Limits)
    retrying: Retrying = field(default_factory=Retrying)
    timeout: float = 300.0

    def __post_init__(self) -> None:
        """Check the name and the address."""
        if not self.model.strip():
            raise UserError("a remote model has no name; write openai:NAME@URL")
        if self.kind not in PATHS:
            raise UserError(f"{clip(str(self.kind))!r} is no way to ask a remote model; known are {', '.join(PATHS)}")
        if not self.timeout > 0:
            raise UserError(f"a timeout of {self.timeout} s leaves no time to answer; give a positive one")
        # Whoever puts the key itself here must not find it in a file or a message.
        if (
            self.key_variable
            and self.key_variable != NO_KEY
            and not re.fullmatch(r"[A-Z][A-Z0-9_]*", self.key_variable)
        ):
            raise UserError(
                f"the key's variable is none: give the NAME of an environment variable, in capitals, or `{NO_KEY}`; "
                "never the key itself"
            )
        object.__setattr__(self, "url", _checked(self.url))

    @property
    def identity(self) -> str:
        """What decides the model's answers, as far as this side knows it: by this, results made with it are known."""
        more = {"system": self.system, "fields": dict(self.fields)}
        return f"{self}#{fingerprint(more)[:16]}" if self.system or self.fields else str(self)

    @property
    def host(self) -> str:
        """The server's name."""
        return urlsplit(self.url).hostname or ""

    @property
    def local(self) -> bool:
        """Whether the server is on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def encrypted(self) -> bool:
        """Whether what is sent cannot be read on its way."""
        return urlsplit(self.url).scheme == "https"

    def __str__(self) -> str:
        """The model's name, as `parse_endpoint` reads it."""
        form = next(form for form, kind in _FORMS.items() if kind == self.kind)
        return f"{form}:{self.model}@{self.url}"


def is_remote(name: str) -> bool:
    """Return whether a model's name is that of a remote one, `openai:…` or `openai-completions:…`."""
    return name.partition(":")[0] in _FORMS and ":" in name


def parse_endpoint(name: str, **settings: Any) -> Endpoint:
    """Return the endpoint that a model's name tells: `openai:NAME@URL`, or `openai-completions:NAME@URL`.

    Without `@URL` the address is OpenAI's own. A name may hold `/`, `:` and `@`.

    Args:
        name: the model's name.
        settings: the endpoint's other arguments.

    Raises:
        UserError: the text is no such name, or a setting cannot be.

    Examples:
        >>> parse_endpoint("openai:Qwen/Qwen3-8B@http://localhost:8000/v1").url
        'http://localhost:8000/v1'
    """
    form, colon, rest = name.partition(":")
    if not colon or form not in _FORMS:
        known = " or ".join(f"{known}:NAME@URL" for known in _FORMS)
        raise UserError(f"{clip(form)!r} begins no remote model's name; write {known}")
    at = max(rest.rfind("@http://"), rest.rfind("@https://"))
    if at < 0 and "://" in rest:
        raise UserError(f"a remote model's address begins with http:// or https:// behind an @; write {form}:NAME@URL")
    model, url = (rest, OPENAI_URL) if at < 0 else (rest[:at], rest[at + 1 :])
    return Endpoint(model=model, url=url, kind=_FORMS[form], **settings)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise UserError("a remote model's address is no http:// or https:// one; write it like https://host/v1")
    # What may be a secret is not repeated in the message.
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UserError(
            f"the address of {host} holds a user, a password or a query; give the bare address, and keys in the "
            "environment"
        )
    path = parts.path.rstrip("/")
    for ending in sorted(PATHS.values(), key=len, reverse=True):
        if path.endswith(ending):
            raise UserError(f"{clip(url)} ends in {ending}, which is added by itself; end the address before it")
    return f"{parts.scheme}://{parts.netloc}{path}"
