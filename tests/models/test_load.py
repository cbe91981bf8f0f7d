from __future__ import annotations

import json
import random
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
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="'nobody/nothing' is neither a folder nor in the cache, and HF_HUB_OFFLINE"):
        model_identity("nobody/nothing")


def test_a_hub_id_is_refused_without_a_try_where_the_hub_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    asked: list[str] = []
    monkeypatch.setattr("tuition.base.hub._accepts", lambda host, port: bool(asked.append(host)))
    monkeypatch.setattr("transformers.utils.hub.cached_file", lambda *args, **kwargs: pytest.fail("the hub was asked"))
    with pytest.raises(UserError, match="the model hub cannot be reached from here; give a model folder"):
        model_identity("nobody/nothing")
    assert len(asked) == 1


def test_a_hub_model_in_the_cache_is_used_without_a_network(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "models--some--model" / "snapshots" / ("c0ffee" * 7)[:40]
    shutil.copytree(tiny_model, snapshot)
    (tmp_path / "models--some--model" / "refs").mkdir()
    (tmp_path / "models--some--model" / "refs" / "main").write_text(snapshot.name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert model_identity("some/model") == f"some/model@{snapshot.name}"
    assert load_model("some/model").model.config.model_type == "llama"


def test_an_encoder_decoder_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(tmp_path))


ODD_CONFIGS = [
    ({"model_type": ["llama"]}, "model_type is"),
    ({"model_type": None}, "has no model_type"),
    ({"vocab_size": "huge"}, "vocab_size is 'huge'"),
    ({"hidden_size": {}}, "hidden_size is {}"),
    ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1,000,000,000, and its weights have"),
    ({"vocab_size": 10**15}, "no model is so large"),
    ({"attn_implementation": "made-up", "_attn_implementation": "made-up"}, "made-up"),
    ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "cannot be loaded"),
    ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "cannot be loaded"),
    ({"quantization_config": "x"}, "cannot be"),
    ({"rope_scaling": "x"}, "cannot be"),
    ({"num_attention_heads": 0}, "cannot be"),
    ({"hidden_size": -5}, "cannot be"),
    ({"eos_token_id": {}}, "cannot be"),
]


@pytest.mark.parametrize(("change", "words"), ODD_CONFIGS, ids=lambda value: str(value)[:40])
def test_an_odd_configuration_is_one_line_that_names_it(
    change: dict[str, object], words: str, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError) as error:
        load_model(str(folder))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no') }}",
        "{{ messages.__class__.__mro__ }}",
        "{% for i in range(10**9) %}{% endfor %}",
        "{{ 'a' * 10**18 }}",
        "{{ 1 / 0 }}",
        "{% if %}",
        "{{ undefined.x }}",
        "fixed",
    ],
)
def test_a_chat_template_that_fails_is_one_line(template: str, tiny_model: Path) -> None:
    tokens = load_tokens(str(tiny_model))
    tokens.tokenizer.chat_template = template
    with pytest.raises(UserError, match="the chat template of") as error:
        tokens.in_chat()
    assert "\n" not in str(error.value)


def test_model_files_broken_at_random_load_or_are_one_line(tiny_model: Path, tmp_path: Path) -> None:
    draw = random.Random(7)
    loaded = 0
    for number in range(120):
        folder = tmp_path / str(number)
        shutil.copytree(tiny_model, folder)
        file = draw.choice(sorted(folder.iterdir()))
        file.write_bytes(broken(file.read_bytes(), draw, is_json=file.suffix == ".json"))
        said = ""
        try:
            load_model(str(folder))
            loaded += 1
        except UserError as error:
            said = str(error)
        assert "\n" not in said
        shutil.rmtree(folder)
    assert loaded < 120


def broken(data: bytes, draw: random.Random, *, is_json: bool) -> bytes:
    """The content of a file cut off, with bits flipped near its beginning, or with one JSON value replaced."""
    if is_json and draw.random() < 0.7:
        return json.dumps(replaced(json.loads(data), draw)).encode()
    if draw.random() < 0.5:
        return data[: draw.randrange(len(data))]
    flipped = bytearray(data)
    for _ in range(draw.choice([1, 20])):
        flipped[draw.randrange(min(len(data), 2000))] ^= 1 << draw.randrange(8)
    return bytes(flipped)


def replaced(value: object, draw: random.Random) -> object:
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(sorted(value))
        return {**value, key: replaced(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        at = draw.randrange(len(value))
        return [*value[:at], replaced(value[at], draw), *value[at + 1 :]]
    return draw.choice(["huge", "", [], ["x"], {}, {"a": 1}, None, True, -1, 0, 3, 10**12, 10**30, 1.5, "../../x"])


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
    with pytest.raises(UserError, match="comes with code of its own, which is never run"):
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
