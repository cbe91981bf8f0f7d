from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from tuition.base.errors import UserError
from tuition.models.load import load_model, load_tokens, model_identity, model_path, resolve_precision


def test_a_local_folder_loads_in_the_precision_asked_for(tiny_model: Path) -> None:
    loaded = load_model(str(tiny_model), precision="bfloat16")
    assert loaded.model.dtype == torch.bfloat16
    assert loaded.context == 2048
    assert not loaded.model.training


def test_a_folder_without_a_model_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no config\.json"):
        model_path(str(tmp_path))


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "~/nowhere-at-all"])
def test_a_path_that_is_not_there_is_not_taken_for_a_hub_id(name: str) -> None:
    with pytest.raises(UserError, match="no such folder"):
        model_path(name)


def test_a_hub_id_that_cannot_be_reached_is_a_user_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="'nobody/nothing' cannot be"):
        model_identity("nobody/nothing")


def test_an_encoder_decoder_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(tmp_path))


def test_a_tokenizer_larger_than_the_model_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    tokens = load_tokens(str(folder)).tokenizer
    tokens.add_tokens([f"word{i}" for i in range(10)])
    tokens.save_pretrained(folder)
    with pytest.raises(UserError, match="257 embeddings and its tokenizer 267 tokens"):
        load_model(str(folder))


def test_code_that_comes_with_a_model_is_never_run(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "made-up"
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(folder))
    assert not (tmp_path / "ran").exists()


def test_the_identity_of_a_folder_follows_its_content_not_its_place(tiny_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    assert model_identity(str(copy)) == model_identity(str(tiny_model))
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert model_identity(str(copy)) != model_identity(str(tiny_model))


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(UserError, match="use auto, float32, bfloat16 or nf4"):
        resolve_precision("float8")
    assert resolve_precision("float32") == "float32"
    assert resolve_precision("auto") in ("float32", "bfloat16")
