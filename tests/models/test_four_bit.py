"""Frozen weights in four bits: against the same weights unpacked, and through the commands a user types."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import byte_tokenizer
from tests.models.test_tuners import disturb
from tuition.base.errors import ProblemsError, UserError
from tuition.cli import main
from tuition.models.load import FOUR_BIT, LoadedModel, load_model
from tuition.models.model_pool import Link, ModelPool, weights_digest
from tuition.models.tuners import make_tuner
from tuition.studies.spec.study import read_study

bitsandbytes = pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")

TOKENS = torch.tensor([[5, 80, 12, 99, 41, 7, 200, 33]])


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama whose layers are as wide as a block of four-bit weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder, tokenizer = tmp_path_factory.mktemp("tiny-llama-64"), byte_tokenizer()
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    LlamaForCausalLM(LlamaConfig(**sizes, **ids)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    return load_model(str(tiny_model), precision=FOUR_BIT)


def told(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=TOKENS).logits.float()


def test_linear_layers_are_packed_and_answer_as_their_unpacked_weights_do(
    loaded: LoadedModel, tiny_model: Path
) -> None:
    plain = load_model(str(tiny_model), precision="bfloat16")
    unpacked = copy.deepcopy(plain.model)
    packed = {name: part for name, part in loaded.model.named_modules() if isinstance(part, bitsandbytes.nn.Linear4bit)}
    assert len(packed) == 14  # seven linear layers in each of two blocks; the output's is left as it is
    for name, part in packed.items():
        assert part.weight.dtype == torch.uint8
        full = bitsandbytes.functional.dequantize_4bit(part.weight.data, part.weight.quant_state)
        unpacked.get_submodule(name).weight.data = full.to(torch.bfloat16)
    assert torch.allclose(told(loaded.model), told(unpacked), atol=0.02)
    assert not torch.equal(told(unpacked), told(plain.model))


@pytest.mark.parametrize("name", ["lora", "prompt"])
def test_an_adapter_learns_upon_four_bits_and_leaves_them_as_they_were(
    loaded: LoadedModel, name: str, tmp_path: Path
) -> None:
    warm = ModelPool(loaded.model)
    before, bare = weights_digest(warm.base), told(warm.base)
    tuner = make_tuner(name)
    tuned = warm.learning([], tuner, seed=1)
    tuned(input_ids=TOKENS, labels=TOKENS).loss.backward()
    learning = [parameter for parameter in tuned.parameters() if parameter.requires_grad]
    assert learning
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in learning)
    disturb(tuned)
    tuner.save(tuned, tmp_path / "stage")
    after = told(tuned)
    warm.reset()
    assert torch.equal(told(warm.base), bare)
    again = warm.answering([Link(tuner, tmp_path / "stage")])
    assert torch.equal(told(again), after)
    assert not torch.equal(after[:, -1], bare[:, -1])
    warm.reset()
    assert weights_digest(warm.base) == before


@pytest.mark.parametrize(("name", "start"), [("full", "auto"), ("lora", "merge")])
def test_what_would_change_packed_weights_is_refused(
    loaded: LoadedModel, name: str, start: str, tmp_path: Path
) -> None:
    warm = ModelPool(loaded.model)
    first = make_tuner("lora")
    first.save(warm.learning([], first, seed=1), tmp_path / "stage")
    warm.reset()
    with pytest.raises(UserError, match="four-bit weights cannot be changed"):
        warm.learning([Link(first, tmp_path / "stage")], make_tuner(name), seed=1, start=start)
    warm.reset()


STUDY = """
study: four bits
tasks: {{collection: starter, names: [task001]}}
model: {model}
precision: nf4
arms:
  told: [{{encoding: definition, recipe: {recipe}}}]
labels: [8]
judge: {{test: 4, validation: 2, new_tokens: 4}}
"""


def test_ia3_upon_packed_weights_is_refused(loaded: LoadedModel) -> None:
    warm = ModelPool(loaded.model)
    with pytest.raises(UserError, match="IA³ does not work with four-bit weights"):
        warm.learning([], make_tuner("ia3"), seed=1)
    warm.reset()


@pytest.mark.parametrize("recipe", ["small-data-full", "small-data-ia3"])
def test_a_study_that_cannot_stand_on_four_bits_is_refused_before_anything_is_loaded(
    recipe: str, tmp_path: Path
) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(STUDY.format(model="no/such-model", recipe=recipe), encoding="utf-8")
    with pytest.raises(ProblemsError, match="cannot be tuned with four-bit weights"):
        read_study(study)


def test_a_study_in_four_bits_runs_and_its_adapter_leaves_with_its_precision(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def tuition(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["tuition", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)  # type: ignore[arg-type]

    study = tmp_path / "study.yaml"
    study.write_text(STUDY.format(model=tiny_model, recipe="{epochs: 1}"), encoding="utf-8")
    assert tuition("run", study, "--out", tmp_path / "run") == 0
    assert tuition("export", tmp_path / "run", "--to", tmp_path / "model", "--merge") == 2
    assert "without --merge" in capsys.readouterr().err
    assert tuition("export", tmp_path / "run", "--to", tmp_path / "model") == 0
    assert json.loads((tmp_path / "model" / "tuition.json").read_bytes())["precision"] == "nf4"
    assert "in four bits (NF4)" in (tmp_path / "model" / "README.md").read_text()
    assert tuition("predict", tmp_path / "model", "--input", "a line") == 0
