"""`tuition doctor`: what it prints, what it measures, and that estimates use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.test_cli import refused, tuition
from tuition.commands import doctor
from tuition.models.load import load_model
from tuition.studies.engines import self_test as engine
from tuition.studies.engines.self_test import SelfTest, self_test
from tuition.studies.planning.rates import Rates, kept_rates, rates_key


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUITION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_doctor_measures_a_model_and_keeps_the_rates(tiny_model: Path, cache: Path) -> None:
    done = tuition("doctor", "--model", tiny_model, "--seconds", "0.2", "--precision", "float32", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    machine, test = facts["machine"], facts["self_test"]
    assert machine["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    assert {"tuition", "python", "torch", "transformers", "peft"} <= machine["versions"].keys()
    assert min(test["rates"][name] for name in ("training", "reading", "decoding")) > 0
    kept = Path(test["kept_in"])
    assert kept.parent == cache / "rates"
    loaded = load_model(str(tiny_model), precision="float32")
    found = kept_rates(loaded)
    # Threads are part of the key, and a child process may have another number of them.
    if json.loads(kept.read_bytes())["key"] == rates_key(loaded):
        assert found == Rates(**test["rates"])


def test_without_a_self_test_nothing_is_loaded_or_kept(cache: Path) -> None:
    done = tuition("doctor", "--seconds", "0", "--model", "no-such-folder/model")
    assert done.returncode == 0, done.stderr
    for name in ("device", "memory", "precision", "attention", "graphs", "versions"):
        assert name in done.stdout
    assert "training" not in done.stdout
    assert not cache.exists()


def test_a_model_that_is_not_there_is_refused() -> None:
    assert "no such folder" in refused(tuition("doctor", "--model", "./nothing-here"))


@pytest.mark.parametrize("kind", ["causal", "encoder-decoder"])
def test_the_model_is_afterwards_as_it_was(kind: str, tiny_model: Path, tiny_t5: Path) -> None:
    loaded = load_model(str(tiny_model if kind == "causal" else tiny_t5), precision="float32")
    before = {name: value.clone() for name, value in loaded.model.named_parameters()}
    found = self_test(loaded, 0.1)
    assert found.graph_error is None or loaded.device.type == "cuda"
    assert not loaded.model.training
    after = dict(loaded.model.named_parameters())
    assert after.keys() == before.keys()
    for name, value in after.items():
        assert value.grad is None
        assert torch.equal(value, before[name])


def test_graphs_are_compared_with_plain_steps_of_the_same_training(tiny_model: Path) -> None:
    loaded = load_model(str(tiny_model), precision="float32")
    assert engine._graph_error(loaded) <= 1e-6


def test_graphs_that_change_losses_are_an_error(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = Rates(training=1.0, reading=1.0, decoding=1.0, measured="2026-12-01")
    for error, status in ((1e-3, 0), (0.5, 1), (float("nan"), 1)):
        found = SelfTest(rates, "packed passes, graphs: 3 of 6 steps replayed, shapes captured: 1", error, 1.0)
        monkeypatch.setattr(doctor, "self_test", lambda loaded, seconds, found=found: found)
        assert doctor.examine_and_print(str(tiny_model), seconds=1, precision="float32", as_json=False) == status
        printed = capsys.readouterr()
        assert "graphs: 3 of 6 steps replayed" in printed.out
        assert ("CUDA graphs change the losses" in printed.err) is bool(status)


@pytest.mark.parametrize(("read", "made", "expected"), [(1.0, 4.0, 1.0), (4.0, 4.1, 1.025), (5.0, 4.0, 1.0)])
def test_a_rate_that_drowns_in_noise_is_too_low_and_not_beyond_any_machine(
    read: float, made: float, expected: float
) -> None:
    assert engine._token_seconds(read, made, 4) == pytest.approx(expected)
