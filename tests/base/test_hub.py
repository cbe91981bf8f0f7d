"""Whether the hub can be reached is known in seconds, and never asked for where the environment says offline."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tuition.base import hub


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    hub._accepts.cache_clear()
    yield
    hub._accepts.cache_clear()


def test_a_hub_behind_a_proxy_that_refuses_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    assert hub.is_reachable() is False


def test_a_hub_behind_a_proxy_that_accepts_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert hub.is_reachable() is True


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_where_the_environment_says_offline_no_connection_is_tried(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *args, **options: tried.append(args))
    monkeypatch.setenv(name, "1")
    assert (hub.is_offline(), hub.is_reachable(), tried) == (True, False, [])


def test_an_address_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Any] = []

    def refuse(*args: Any, **options: Any) -> socket.socket:
        tried.append(args)
        raise OSError("no route")

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert (hub.is_reachable(), hub.is_reachable(), len(tried)) == (False, False, 1)
