"""Predictions and rankings of several evaluations at once, against `predict` and `rank` for each alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tuition.evaluation.options.rank import option_questions, rank
from tuition.evaluation.predict import predict
from tuition.evaluation.predict_many import Predicted, PredictRequest, predict_many
from tuition.models.adapters import AdapterBank
from tuition.models.decoding import Decoding
from tuition.models.load import LoadedModel, load_model
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner
from tuition.prompts import Prompt

INPUTS = ["one word", "", "ü", "a rather longer question than the others", "one word"]


@pytest.fixture
def loaded(tiny_model: Path) -> LoadedModel:
    model = load_model(str(tiny_model), precision="float32")
    generator = torch.Generator().manual_seed(4)
    for parameter in model.model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def prompts(loaded: LoadedModel, task: str, inputs: list[str] = INPUTS) -> list[TokenizedPrompt]:
    return loaded.tokens([Prompt(f"{task}.\ninput:", f" {text}\noutput:", "") for text in inputs])


def requests(loaded: LoadedModel, adapter: int | None = None) -> list[PredictRequest]:
    told = prompts(loaded, "Answer the question")
    neutral = prompts(loaded, "Answer the question", [""] * len(INPUTS))
    options = option_questions(loaded, told, [("yes", "no", "not at all")] * len(INPUTS), neutral=neutral)
    return [
        PredictRequest(told, new_tokens=9, questions=options, adapter=adapter),
        PredictRequest(prompts(loaded, "Complete"), new_tokens=12, decoding=Decoding(stop=("e", "7")), adapter=adapter),
        PredictRequest(questions=options, adapter=adapter),
        PredictRequest(prompts(loaded, "Say"), new_tokens=4, decoding=Decoding(beams=2), adapter=adapter),
        PredictRequest(adapter=adapter),
    ]


def alone(loaded: LoadedModel, tuned: torch.nn.Module, request: PredictRequest) -> Predicted:
    made = Predicted()
    if request.prompts:
        made.predictions = predict(
            loaded, tuned, request.prompts, new_tokens=request.new_tokens, decoding=request.decoding
        )
    if request.questions is not None:
        made.rankings = rank(tuned, request.questions)
    return made


def check(found: Predicted, wanted: Predicted) -> None:
    assert found.error is None
    assert found.predictions == wanted.predictions
    assert [one.options for one in found.rankings] == [one.options for one in wanted.rankings]
    for one, other in zip(found.rankings, wanted.rankings, strict=True):
        assert one.scores.keys() == other.scores.keys()
        for rule, scores in one.scores.items():
            assert scores == pytest.approx(other.scores[rule], abs=1e-4)


def test_each_request_is_predicted_as_it_is_alone(loaded: LoadedModel) -> None:
    asked = requests(loaded)
    told: dict[int, Predicted] = {}
    done: list[float] = []
    results = predict_many(loaded, loaded.model, asked, predicted=told.__setitem__, advance=done.append)
    assert told == dict(enumerate(results))
    assert next(iter(told)) == 4  # nothing is asked of it
    for request, found in zip(asked, results, strict=True):
        check(found, alone(loaded, loaded.model, request))
    assert "pmi" in results[0].rankings[0].scores
    assert "beams" in results[3].alone
    assert sum(done) == pytest.approx(3 * 5 + 2 * 6)  # prompts answered, options ranked, and one prompt without input


def test_adapters_predict_what_each_predicts_alone(loaded: LoadedModel, tiny_model: Path, tmp_path: Path) -> None:
    tuned = []
    for slot in range(2):
        model = make_tuner("lora").attach(load_model(str(tiny_model), precision="float32").model, seed=slot).eval()
        state = dict(loaded.model.named_parameters())
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.data += 0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(slot))
            else:
                parameter.data = state[name.removeprefix("base_model.model.").replace(".base_layer", "")].data
        make_tuner("lora").save(model, tmp_path / str(slot))
        tuned.append(model)
    base = loaded.model.eval()
    with AdapterBank(base, make_tuner("lora"), 2) as bank:
        for slot in range(2):
            bank.load(slot, tmp_path / str(slot))
        asked = [request for slot in (1, 0) for request in requests(loaded, slot)]
        results = predict_many(loaded, base, asked, bank=bank)
    for request, found in zip(asked, results, strict=True):
        assert request.adapter is not None
        check(found, alone(loaded, tuned[request.adapter], request))
    assert results[0].predictions != results[5].predictions


def test_a_request_that_fails_has_its_error_and_no_predictions(loaded: LoadedModel) -> None:
    asked = [requests(loaded)[0], PredictRequest(prompts(loaded, "Say"), new_tokens=3, adapter=1)]
    good, failed = predict_many(loaded, loaded.model, asked)
    check(good, alone(loaded, loaded.model, asked[0]))
    assert failed.predictions == []
    assert "no bank" in str(failed.error)
