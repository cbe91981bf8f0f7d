"""Where a remote model is: names, addresses, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tuition.base.errors import UserError
from tuition.evaluation.remote import Budget, Endpoint, Limits, Prices, Retrying, is_remote, parse_endpoint


@pytest.mark.parametrize(
    ("name", "model", "url", "kind"),
    [
        ("openai:gpt-x", "gpt-x", "https://api.openai.com/v1", "chat"),
        ("openai:Qwen/Qwen3-8B@http://localhost:8000/v1/", "Qwen/Qwen3-8B", "http://localhost:8000/v1", "chat"),
        ("openai-completions:m@v2:free@https://h.example/v1", "m@v2:free", "https://h.example/v1", "completions"),
        ("openai:m@http://[::1]:8000/v1", "m", "http://[::1]:8000/v1", "chat"),
        ("openai:модель@http://127.0.0.1:1", "модель", "http://127.0.0.1:1", "chat"),
    ],
)
def test_a_name_tells_model_address_and_way(name: str, model: str, url: str, kind: str) -> None:
    endpoint = parse_endpoint(name)
    assert (endpoint.model, endpoint.url, endpoint.kind) == (model, url, kind)
    assert parse_endpoint(str(endpoint)) == endpoint
    assert is_remote(name)


@pytest.mark.parametrize("name", ["smollm2-135m", "openai/gpt-oss-20b", "openai", "C:\\models\\openai", ""])
def test_other_names_are_not_remote(name: str) -> None:
    assert not is_remote(name)
    with pytest.raises(UserError, match="openai:NAME@URL"):
        parse_endpoint(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("openai:", "no name"),
        ("openai:@http://h/v1", "no name"),
        ("openai:m@ftp://h/v1", "http:// or https://"),
        ("openai:m@http://", "like https://host/v1"),
        ("openai:m@http://h:port/v1", "like https://host/v1"),
        ("openai:m@http://[::1/v1", "like https://host/v1"),
        ("openai:m@https://h.example/v1/chat/completions", "end the address before it"),
        ("openai:m@https://h.example/v1/completions/", "end the address before it"),
    ],
)
def test_what_is_no_address_is_refused(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_endpoint(name)


@pytest.mark.parametrize("url", ["https://me:hunter2@h.example/v1", "https://h.example/v1?api-key=hunter2"])
def test_an_address_with_a_secret_in_it_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UserError, match="keys in the environment") as caught:
        Endpoint(model="m", url=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Limits(concurrency=0),
        lambda: Limits(requests=-1),
        lambda: Limits(tokens=0),
        lambda: Limits(seconds=0.0),
        lambda: Prices(-1.0, 2.0),
        lambda: Prices(float("nan"), 2.0),
        lambda: Budget(money=float("inf")),
        lambda: Budget(tokens=-1),
        lambda: Retrying(attempts=0),
        lambda: Retrying(first_wait=-1.0),
        lambda: Endpoint(model="m", timeout=0.0),
        lambda: Endpoint(model="m", timeout=float("nan")),
        lambda: Endpoint(model="m", kind="responses"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make) -> None:
    with pytest.raises(UserError):
        make()


@pytest.mark.parametrize(
    ("url", "local", "encrypted"),
    [
        ("http://localhost:1/v1", True, False),
        ("http://127.9.9.9/v1", True, False),
        ("http://[::1]/v1", True, False),
        ("https://api.openai.com/v1", False, True),
        ("http://10.0.0.5:8000/v1", False, False),
        ("http://localhost.evil.example/v1", False, False),
    ],
)
def test_an_address_tells_whether_it_is_local_and_encrypted(url: str, local: bool, encrypted: bool) -> None:
    endpoint = Endpoint(model="m", url=url)
    assert (endpoint.local, endpoint.encrypted) == (local, encrypted)


@pytest.mark.parametrize("variable", ["sk-proj-Zq81mMc0aXv5tB7uYw3e", "0123456789abcdef", "my key", "key", "$KEY"])
def test_a_key_in_place_of_its_variable_is_refused_without_repeating_it(variable: str) -> None:
    with pytest.raises(UserError, match="never the key itself") as caught:
        Endpoint(model="m", key_variable=variable)
    assert variable not in str(caught.value).replace("key's", "").replace("the key", "")


def test_what_decides_answers_is_in_the_identity_and_what_does_not_is_not() -> None:
    plain = Endpoint(model="m")
    assert plain.identity == "openai:m@https://api.openai.com/v1"
    other = [
        Endpoint(model="n"),
        Endpoint(model="m", kind="completions"),
        Endpoint(model="m", url="https://h.example/v1"),
        Endpoint(model="m", system="Be short."),
        Endpoint(model="m", fields={"top_k": 1}),
        Endpoint(model="m", fields={"top_k": 2}),
    ]
    assert len({endpoint.identity for endpoint in [plain, *other]}) == 7
    same = Endpoint(model="m", key_variable="MY_KEY", limits=Limits(1), retrying=Retrying(2), timeout=3.0)
    assert same.identity == plain.identity


def test_neither_the_package_nor_a_name_loads_torch_or_an_http_library() -> None:
    code = (
        "import sys, tuition, tuition.evaluation\n"
        "assert 'tuition.evaluation.remote' not in sys.modules\n"
        "from tuition.evaluation.remote import parse_endpoint, answer_remotely, rank_remotely\n"
        "parse_endpoint('openai:m')\n"
        "assert not {'torch', 'httpx2', 'httpx', 'openai'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
