"""Send one request over HTTP and return its response, or the reason why there is none."""

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
_MAX_RESPONSE = 256 << 20
_MAX_ANSWER = 4 << 20
_BYTES_PER_TOKEN = 1_000
_MAX_ERROR_TEXT = 100_000


class Transport:
    """Sends requests to one endpoint. A context manager: connections are reused between requests."""

    def __init__(self, endpoint: Endpoint, key: Key) -> None:
        """Prepare the HTTP client; nothing is sent yet.

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
            trust_env=not endpoint.local,  # a proxy cannot reach servers on this machine
        )

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._client.aclose()

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | Failure:
        """Send a request's body and return the response's body, or the failure; server errors raise nothing."""
        data = json.dumps(body).encode("ascii")
        most = largest_response(body)
        try:
            # The library's own timeouts apply to each chunk; a server that sends slowly would never exceed them.
            async with asyncio.timeout(self._endpoint.timeout):
                status, headers, content = await self._exchange(path, data, most)
        except (TimeoutError, self._library.TimeoutException) as error:
            unreached = isinstance(error, (self._library.ConnectTimeout, self._library.PoolTimeout))
            return Failure(f"no answer within {self._endpoint.timeout:g} s", unreached=unreached, billed=not unreached)
        except self._library.ConnectError as error:
            return Failure(self._without_key(f"no connection ({error})"), unreached=True)
        except _TooLargeError:
            return Failure(
                f"a response of more than {most >> 20} MiB, which was not read further", temporary=False, billed=True
            )
        except (self._library.HTTPError, self._library.InvalidURL, self._library.StreamError) as error:
            return Failure(self._without_key(f"the connection broke ({type(error).__name__}: {error})"), billed=True)
        return self._parse(status, headers, content)

    async def _exchange(self, path: str, data: bytes, most: int) -> tuple[int, httpx2.Headers, bytes]:
        async with self._client.stream("POST", self._endpoint.url + path, content=data) as response:
            content = bytearray()
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > most:
                    raise _TooLargeError
            return response.status_code, response.headers, bytes(content)

    def _parse(self, status: int, headers: Mapping[str, str], content: bytes) -> dict[str, Any] | Failure:
        text = self._without_key(content[:_MAX_ERROR_TEXT].decode("utf-8", "replace"))
        payload: Any = None
        try:
            payload = json.loads(content)
        except (ValueError, RecursionError):
            if 200 <= status < 300:
                what = "an HTML page" if text.lstrip()[:1] == "<" else "a body that is not complete JSON"
                return Failure(f"HTTP {status} with {what}, beginning {clip(text.strip(), 80)!r}", billed=True)
        if not 200 <= status < 300:
            failure = refusal(status, headers, text, payload)
        elif not isinstance(payload, dict):
            failure = Failure(f"HTTP {status} with JSON that is not an object", billed=True)
        elif payload.get("error"):
            # Some gateways report a failure of the server behind them in the body of a successful response.
            inner = payload["error"]
            code = inner.get("code") if isinstance(inner, dict) else None
            known = code if isinstance(code, int) and 400 <= code < 600 else 500
            failure = refusal(known, headers, text, payload)
            failure = replace(failure, reason=f"in the body of HTTP {status}: {failure.reason}")
        else:
            return payload
        return replace(failure, reason=self._without_key(failure.reason))

    def _without_key(self, text: str) -> str:
        return self._key.hidden_in_message(text)


def largest_response(body: Mapping[str, Any]) -> int:
    """Return the maximum size in bytes of a response to this request; small unless it requests log-probabilities."""
    if body.get("logprobs") or body.get("echo") or body.get("prompt_logprobs") is not None:
        return _MAX_RESPONSE
    tokens = body.get("max_tokens", body.get("max_completion_tokens", 0))
    return min(_MAX_RESPONSE, _MAX_ANSWER + _BYTES_PER_TOKEN * int(tokens or 0))


class _TooLargeError(Exception):
    """A response is larger than allowed."""
