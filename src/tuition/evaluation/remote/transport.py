"""One request over the wire: what is sent, and what comes back or why nothing did."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tuition.base.errors import UserError, clip
from tuition.evaluation.remote.endpoint import Endpoint
from tuition.evaluation.remote.key import Key
from tuition.evaluation.remote.retries import Failure, refusal

if TYPE_CHECKING:
    import httpx2

# The log-probabilities of a prompt of 100,000 tokens are some 20 MB; an answer has a few bytes a token.
_LARGEST = 256 << 20
_LARGEST_ANSWER = 4 << 20
_BYTES_A_TOKEN = 1_000
_LOOKED_AT = 100_000


class Transport:
    """Sends requests to one endpoint. A context: connections are kept from one request to the next."""

    def __init__(self, endpoint: Endpoint, key: Key) -> None:
        """Prepare connections; nothing is sent yet.

        Raises:
            UserError: the HTTP library is not installed.
        """
        try:
            import httpx2
        except ImportError as error:
            raise UserError("remote models need an HTTP library: pip install 'tuition[remote]'") from error
        self._library = httpx2
        self._endpoint = endpoint
        self._key = key
        self._client = httpx2.AsyncClient(
            headers={**key.headers(), "Content-Type": "application/json", "Accept": "application/json"},
            timeout=endpoint.timeout,
            limits=httpx2.Limits(max_connections=endpoint.limits.concurrency),
            trust_env=not endpoint.local,  # a proxy cannot reach this machine's own servers
        )

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | Failure:
        """Send a request's body and return the response's, or why there is none; a server's doings raise nothing."""
        data = json.dumps(body).encode("ascii")
        most = largest_response(body)
        try:
            # The library's own limits are for each piece of a response; a server that drips never breaks them.
            async with asyncio.timeout(self._endpoint.timeout):
                status, headers, content = await self._exchange(path, data, most)
        except (TimeoutError, self._library.TimeoutException) as error:
            unreached = isinstance(error, (self._library.ConnectTimeout, self._library.PoolTimeout))
            return Failure(f"no answer within {self._endpoint.timeout:g} s", unreached=unreached, billed=not unreached)
        except self._library.ConnectError as error:
            return Failure(self._told(f"no connection ({error})"), unreached=True)
        except _TooLargeError:
            return Failure(
                f"a response of more than {most >> 20} MiB, which was not read on", passing=False, billed=True
            )
        except (self._library.HTTPError, self._library.InvalidURL, self._library.StreamError) as error:
            return Failure(self._told(f"the connection broke ({type(error).__name__}: {error})"), billed=True)
        return self._judged(status, headers, content)

    async def _exchange(self, path: str, data: bytes, most: int) -> tuple[int, httpx2.Headers, bytes]:
        async with self._client.stream("POST", self._endpoint.url + path, content=data) as response:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > most:
                    raise _TooLargeError
            return response.status_code, response.headers, bytes(content)

    def _judged(self, status: int, headers: Mapping[str, str], content: bytes) -> dict[str, Any] | Failure:
        text = self._told(content[:_LOOKED_AT].decode("utf-8", "replace"))
        payload: Any = None
        try:
            payload = json.loads(content)
        except (ValueError, RecursionError):
            if 200 <= status < 300:
                what = "an HTML page" if text.lstrip()[:1] == "<" else "a body that is no whole JSON"
                return Failure(f"HTTP {status} with {what}, beginning {clip(text.strip(), 80)!r}", billed=True)
        if not 200 <= status < 300:
            failure = refusal(status, headers, text, payload)
        elif not isinstance(payload, dict):
            failure = Failure(f"HTTP {status} with JSON that is no object", billed=True)
        elif payload.get("error"):
            # Some gateways tell a failure of the server behind them in the body of a success.
            inner = payload["error"]
            code = inner.get("code") if isinstance(inner, dict) else None
            known = code if isinstance(code, int) and 400 <= code < 600 else 500
            failure = refusal(known, headers, text, payload)
            failure = replace(failure, reason=f"in the body of HTTP {status}: {failure.reason}")
        else:
            return payload
        return replace(failure, reason=self._told(failure.reason))

    def _told(self, text: str) -> str:
        return self._key.hidden_in_message(text)


def largest_response(body: Mapping[str, Any]) -> int:
    """Return how many bytes a response to this request may have: little where no log-probabilities are asked for."""
    if body.get("logprobs") or body.get("echo") or body.get("prompt_logprobs") is not None:
        return _LARGEST
    tokens = body.get("max_tokens", body.get("max_completion_tokens", 0))
    return min(_LARGEST, _LARGEST_ANSWER + _BYTES_A_TOKEN * int(tokens or 0))


class _TooLargeError(Exception):
    """A response has no end."""
