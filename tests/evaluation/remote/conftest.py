"""A server process on loopback, and what is asked of it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tuition.evaluation.remote import Endpoint, Retrying
from tuition.prompts.types import Prompt

pytest.importorskip("httpx2", reason="remote models are an optional extra")

SERVER = Path(__file__).with_name("server.py")
QUICK = Retrying(attempts=4, first_wait=0.01, longest_wait=0.05, longest_asked=2.0)


@dataclass
class Server:
    """A running server, as a test commands it."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def control(self, **state: Any) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_control", json.dumps(state).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request).close()

    def told(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_seen") as response:
            return json.load(response)

    @property
    def seen(self) -> list[dict[str, Any]]:
        return self.told()["seen"]

    @property
    def served(self) -> int:
        return self.told()["served"]

    def endpoint(self, **others: Any) -> Endpoint:
        return Endpoint(**{"model": "made", "url": self.url, "retrying": QUICK, "timeout": 20.0, **others})


def start(*arguments: str) -> tuple[subprocess.Popen[str], Server]:
    process = subprocess.Popen([sys.executable, str(SERVER), *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Server(int(process.stdout.readline()))


@pytest.fixture(scope="session")
def server_process() -> Iterator[Server]:
    process, server = start()
    yield server
    process.kill()
    process.communicate()


@pytest.fixture
def server(server_process: Server) -> Server:
    """The server, well-behaved and with nothing seen."""
    server_process.control(
        script=[],
        always="",
        key="",
        delay=0.0,
        tokens="words",
        offers="echo",
        answer="",
        seen=[],
        served=0,
        most_running=0,
        top={"yes": -0.5, " yes": -2.0, "no": -1.5, "\n": -3.0},
    )
    return server_process


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache, or finds the user's key."""
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "cache"))
    for name in ("TUITION_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "remote" / "responses.sqlite"


@pytest.fixture
def prompts() -> Callable[[int], list[Prompt]]:
    """Return a function that makes so many different prompts."""

    def make(count: int) -> list[Prompt]:
        return [Prompt("Say the colour. Input:", f" thing {at} Output:", " red") for at in range(count)]

    return make
