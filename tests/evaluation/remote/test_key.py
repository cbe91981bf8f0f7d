"""Keys: read from the environment, sent in one header, and found nowhere else."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import sqlite3
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evaluation.remote.conftest import Server

from tuition.base.errors import UserError
from tuition.evaluation.remote import Endpoint, RemoteError, answer_remotely
from tuition.evaluation.remote.key import Key, read_key
from tuition.prompts.types import Prompt

Make = Callable[[int], list[Prompt]]
SECRET = "sk-proj-Zq81mMc0aXv5tB7uYw3e"


def test_a_key_does_not_print_or_pickle() -> None:
    key = Key(SECRET)
    assert SECRET not in f"{key} {key!r} {[key]}"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    assert key.headers() == {"Authorization": f"Bearer {SECRET}"}
    assert Key().headers() == {}


@pytest.mark.parametrize("variable", ["TUITION_API_KEY", "OPENAI_API_KEY", "MY_KEY"])
def test_the_key_comes_from_its_variable(
    server: Server, prompts: Make, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    server.control(key=SECRET)
    monkeypatch.setenv(variable, f"  {SECRET}\n")
    endpoint = server.endpoint(key_variable=variable if variable == "MY_KEY" else "")
    assert len(answer_remotely(endpoint, prompts(2), new_tokens=9)) == 2
    assert {seen["authorization"] for seen in server.seen} == {f"Bearer {SECRET}"}


def test_a_wrong_key_stops_at_once_and_is_not_repeated(
    server: Server, prompts: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.control(key="another")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with pytest.raises(
        RemoteError, match=r"refuses the key.*Incorrect API key provided: \[key\].*OPENAI_API_KEY"
    ) as caught:
        answer_remotely(server.endpoint(), prompts(100), new_tokens=9)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert len(server.seen) <= server.endpoint().limits.concurrency


def test_a_missing_key_is_said_to_be_missing(server: Server, prompts: Make) -> None:
    server.control(key=SECRET)
    with pytest.raises(RemoteError, match="no key was sent: none of TUITION_API_KEY, OPENAI_API_KEY is set"):
        answer_remotely(server.endpoint(), prompts(1), new_tokens=9)


def test_a_named_variable_must_be_there(server: Server, prompts: Make) -> None:
    with pytest.raises(UserError, match=r"environment variable with the key for 127\.0\.0\.1 is not set"):
        answer_remotely(server.endpoint(key_variable="MY_KEY"), prompts(1), new_tokens=9)


@pytest.mark.parametrize("bad", ["two words of it", "line\nend-of-key", "ключ-из-кириллицы", "a\x00b\x7f"])
def test_what_cannot_be_a_key_is_refused_without_repeating_it(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setattr("os.environ", {"OPENAI_API_KEY": bad})
    with pytest.raises(UserError, match="OPENAI_API_KEY has characters") as caught:
        read_key(Endpoint(model="m"))
    assert bad not in str(caught.value)


def test_our_own_variable_comes_first_and_none_sends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("TUITION_API_KEY", "mine-and-no-other")
    assert read_key(Endpoint(model="m")).headers() == {"Authorization": "Bearer mine-and-no-other"}
    assert read_key(Endpoint(model="m", key_variable="OPENAI_API_KEY")).variable == "OPENAI_API_KEY"
    assert read_key(Endpoint(model="m", key_variable="none")).headers() == {}
    monkeypatch.setenv("TUITION_API_KEY", " ")
    assert read_key(Endpoint(model="m")).variable == "OPENAI_API_KEY"


@pytest.mark.parametrize("variable", ["", "OPENAI_API_KEY"])
def test_a_key_is_never_sent_in_plain_text_to_another_machine(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    for url in ("https://api.openai.com/v1", "http://localhost:8000/v1", "http://[::1]:8000/v1"):
        assert read_key(Endpoint(model="m", url=url, key_variable=variable)).headers()
    for url in ("http://10.0.0.5:8000/v1", "http://localhost.evil.example/v1", "http://0.0.0.0/v1"):
        with pytest.raises(UserError, match="unencrypted") as caught:
            read_key(Endpoint(model="m", url=url, key_variable=variable))
        assert SECRET not in str(caught.value)
        assert read_key(Endpoint(model="m", url=url, key_variable="none")).headers() == {}


def test_a_key_is_hidden_as_json_writes_it_too() -> None:
    key = Key('sk-"quoted\\and-long-enough')
    assert key.hidden_in_store(json.dumps({"text": 'sk-"quoted\\and-long-enough'})) == '{"text": "[key]"}'


def test_no_file_log_answer_or_error_holds_the_key(
    server: Server, prompts: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    # A server that repeats the key in its answer, in an error and in a broken body.
    server.control(
        answer=f"your key is {SECRET}", script=["429", f"json:{SECRET}", "half", f'json:{{"error": "{SECRET}"}}']
    )
    endpoint = server.endpoint()
    answers = answer_remotely(endpoint, prompts(5), new_tokens=9)
    server.control(always=f'json:{{"error": {{"message": "{SECRET}", "code": 400}}}}')
    with pytest.raises(RemoteError) as caught:
        answer_remotely(endpoint, prompts(9), new_tokens=9)
    assert SECRET not in f"{caught.value} {endpoint!r} {answers!r}"
    assert caplog.records
    assert SECRET not in caplog.text
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert written
    assert all(SECRET.encode() not in file.read_bytes() for file in written)
    again = answer_remotely(endpoint, prompts(5), new_tokens=9)
    assert [answer.text for answer in again] == ["your key is [key]"] * 5


def test_a_placeholder_for_a_key_is_left_in_answers_that_hold_the_word(
    server: Server, prompts: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    server.control(answer="none of them")
    answer_remotely(server.endpoint(), prompts(1), new_tokens=9)
    (answer,) = answer_remotely(server.endpoint(), prompts(1), new_tokens=9)
    assert answer.text == "none of them"


def escapes(secret: str) -> dict[str, str]:
    data = secret.encode()
    return {
        "plain": secret,
        "json": "".join(f"\\u{ord(c):04x}" for c in secret),
        "json twice": json.dumps("".join(f"\\u{ord(c):04X}" for c in secret)),
        "one of json": secret.replace("-", "\\u002d"),
        "slashes": secret.replace("-", "\\-"),
        "python": "".join(f"\\x{ord(c):02x}" for c in secret),
        "url": "".join(f"%{ord(c):02X}" for c in secret),
        "url twice": "".join(f"%25{ord(c):02x}" for c in secret),
        "html": "".join(f"&#{ord(c)};" for c in secret),
        "html hex": secret.replace("-", "&#x2D;"),
        "base64": base64.b64encode(data).decode(),
        "base64 in more": base64.b64encode(b"Bearer " + data + b" and more").decode(),
        "base64 by one": base64.b64encode(b":" + data).decode(),
        "base64 by two": base64.b64encode(b"u:" + data + b"\n").decode(),
        "hex": data.hex().upper(),
    }


@pytest.mark.parametrize("way", list(escapes(SECRET)))
def test_a_key_that_a_server_sends_back_escaped_is_hidden(way: str) -> None:
    key = Key(SECRET, "X")
    shown = key.hidden_in_message(f"refused ({escapes(SECRET)[way]}), sorry")
    assert "[key]" in shown
    assert len(shown) < 50  # what is left of it are the few signs at base64's ends
    assert key.hidden_in_store(f'{{"text": "{escapes(SECRET)[way]}"}}').count("[key]") == 1


def test_text_without_the_key_is_left_as_it_is() -> None:
    text = 'sk-proj-other \\u002d %2d &#45; {"a": "b"} ' + base64.b64encode(b"something else altogether").decode()
    assert Key(SECRET, "X").hidden_in_message(text) == text


@pytest.mark.parametrize("way", ["json", "url", "html hex"])
def test_an_escaped_key_in_a_servers_echo_reaches_no_error_and_no_cache(
    way: str, server: Server, prompts: Make, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    echo = escapes(SECRET)[way]
    server.control(answer=f"your key is {echo}")
    [answer] = answer_remotely(server.endpoint(), prompts(1), new_tokens=9)
    assert echo not in answer.text
    stored = sqlite3.connect(own_cache).execute("SELECT response FROM responses").fetchall()
    assert all(echo not in zlib.decompress(row[0]).decode() for row in stored)
