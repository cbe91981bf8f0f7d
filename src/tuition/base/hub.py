"""Check within seconds whether the model hub can be reached; its own library tries for half a minute."""

from __future__ import annotations

import os
import socket
import threading
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
_TIMEOUT = 4.0  # seconds


def is_offline() -> bool:
    """Whether the environment forbids access to the hub."""
    return any(os.environ.get(name, "").upper() in ("1", "TRUE", "YES", "ON") for name in _OFFLINE)


def is_reachable() -> bool:
    """Whether access to the hub is allowed, and it (or the proxy) accepts a connection within seconds."""
    from huggingface_hub import constants

    address = urlsplit(getproxies().get("https") or constants.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    return not is_offline() and _accepts(address.hostname or "", port)


@lru_cache(maxsize=8)
def _accepts(host: str, port: int) -> bool:
    tried = threading.Event()
    answers: list[bool] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=_TIMEOUT).close()
            answers.append(True)
        except OSError:
            pass  # no answer: the caller reports it
        finally:
            tried.set()

    # Resolving a name can block a thread for longer than the timeout.
    threading.Thread(target=connect, daemon=True).start()
    tried.wait(_TIMEOUT)
    return bool(answers)
