"""A remote model's endpoint: the model's name, the server's address, and how requests are sent."""

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
"""The value of `key_variable` for sending no key."""

PATHS: dict[Kind, str] = {"chat": "/chat/completions", "completions": "/completions"}
"""The path after an endpoint's address, for each API."""

_FORMS: dict[str, Kind] = {"openai": "chat", "openai-completions": "completions"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model on an OpenAI-compatible server. It never contains a key.

    Args:
        model: the model's name on the server.
        url: the server's address up to and including `/v1`.
        kind: `chat` sends a prompt as a user message, `completions` lets the model continue it. Prompts in a chat
            encoding are sent to the chat API in either case.
        system: the system message of a chat; none by default.
        fields: additional fields of each request's body. They override Tuition's; None removes a field, for models that
            reject `temperature` or need `max_completion_tokens` instead of `max_tokens`.
        key_variable: the environment variable with the key, or `none`. By default, the first that is set of
            `TUITION_API_KEY` and `OPENAI_API_KEY`.
        limits: how many requests may run at once and start within a period.
        retrying: how often and when a failed request is sent again.
        timeout: the maximum duration of a request, in seconds.

    Raises:
        UserError: the name, the kind or the address is invalid, or the address has a password or a query, which may
            contain a key.
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
        """Check the settings."""
        if not self.model.strip():
            raise UserError("a remote model has no name; write openai:NAME@URL")
        if self.kind not in PATHS:
            raise UserError(f"{clip(str(self.kind))!r} is not a kind of API; known kinds are {', '.join(PATHS)}")
        if not self.timeout > 0:
            raise UserError(f"a timeout of {self.timeout} s leaves no time to answer; give a positive one")
        # If someone gives the key itself here, it must not get into a file or a message.
        if (
            self.key_variable
            and self.key_variable != NO_KEY
            and not re.fullmatch(r"[A-Z][A-Z0-9_]*", self.key_variable)
        ):
            raise UserError(
                "the key's variable is not a variable name: give the NAME of an environment variable, in capitals, or "
                f"`{NO_KEY}`; never the key itself"
            )
        object.__setattr__(self, "url", _checked(self.url))

    @property
    def identity(self) -> str:
        """The settings that decide the model's answers; stored results are identified by it."""
        more = {"system": self.system, "fields": dict(self.fields)}
        return f"{self}#{fingerprint(more)[:16]}" if self.system or self.fields else str(self)

    @property
    def host(self) -> str:
        """The server's host name."""
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
        """Whether requests are sent over HTTPS."""
        return urlsplit(self.url).scheme == "https"

    def __str__(self) -> str:
        """The model's name, as `parse_endpoint` parses it."""
        form = next(form for form, kind in _FORMS.items() if kind == self.kind)
        return f"{form}:{self.model}@{self.url}"


def is_remote(name: str) -> bool:
    """Return whether a model's name is that of a remote model: `openai:…` or `openai-completions:…`."""
    return name.partition(":")[0] in _FORMS and ":" in name


def parse_endpoint(name: str, **settings: Any) -> Endpoint:
    """Parse a remote model's name: `openai:NAME@URL`, or `openai-completions:NAME@URL`.

    Without `@URL` the address is OpenAI's. A name may contain `/`, `:` and `@`.

    Args:
        name: the model's name.
        settings: the endpoint's other arguments.

    Raises:
        UserError: the text is not such a name, or a setting is invalid.

    Examples:
        >>> parse_endpoint("openai:Qwen/Qwen3-8B@http://localhost:8000/v1").url
        'http://localhost:8000/v1'
    """
    form, colon, rest = name.partition(":")
    if not colon or form not in _FORMS:
        known = " or ".join(f"{known}:NAME@URL" for known in _FORMS)
        raise UserError(f"{clip(form)!r} is not a prefix of a remote model's name; write {known}")
    at = max(rest.rfind("@http://"), rest.rfind("@https://"))
    if at < 0 and "://" in rest:
        raise UserError(f"a remote model's address is http:// or https:// after an @; write {form}:NAME@URL")
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
        raise UserError("a remote model's address must begin with http:// or https://; write it like https://host/v1")
    # The message does not repeat parts that may be secret.
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UserError(
            f"the address of {host} has a user, a password or a query; give the bare address, and keys in the "
            "environment"
        )
    path = parts.path.rstrip("/")
    for ending in sorted(PATHS.values(), key=len, reverse=True):
        if path.endswith(ending):
            raise UserError(f"{clip(url)} ends in {ending}, which is added automatically; end the address before it")
    return f"{parts.scheme}://{parts.netloc}{path}"
