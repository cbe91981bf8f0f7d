"""Chains of stages upon one warm base: each against the same chain made by hand, and the base as it was after each."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models.architectures import build
from tests.models.test_tuners import disturb, loss
from tuition.base.errors import UserError
from tuition.models.model_pool import Link, ModelPool, weights_digest
from tuition.models.tuners import make_tuner


def learnt(warm: ModelPool, links: list[Link], name: str, folder: Path, start: str = "auto") -> tuple[Link, float]:
    """Let a stage learn (a disturbance stands for learning), keep it, and return its link and its loss."""
    tuner = make_tuner(name)
    tuned = warm.learning(links, tuner, seed=1, start=start)
    disturb(tuned)
    told = loss(tuned)
    tuner.save(tuned, folder)
    warm.reset()
    return Link(tuner, folder, start), told


@pytest.mark.parametrize("start", ["auto", "merge"])
@pytest.mark.parametrize("second", ["lora", "ia3", "full", "prompt"])
@pytest.mark.parametrize("first", ["lora", "ia3", "full"])
def test_a_chain_answers_as_it_learnt_and_the_base_comes_back(
    first: str, second: str, start: str, tmp_path: Path
) -> None:
    warm = ModelPool(build("llama"))
    before = weights_digest(warm.base)
    one, told_one = learnt(warm, [], first, tmp_path / "1")
    two, told_two = learnt(warm, [one], second, tmp_path / "2", start)
    assert loss(warm.answering([one])) == pytest.approx(told_one, rel=1e-6)
    warm.reset()
    assert loss(warm.answering([one, two])) == pytest.approx(told_two, rel=1e-5)
    assert told_two != pytest.approx(told_one, rel=1e-4)
    warm.reset()
    assert weights_digest(warm.base) == before == weights_digest(build("llama"))


@pytest.mark.parametrize("name", ["lora", "ia3"])
def test_stacked_and_merged_chains_begin_from_the_same_model(name: str, tmp_path: Path) -> None:
    warm = ModelPool(build("llama"))
    one, told = learnt(warm, [], name, tmp_path / "1")
    for start in ("stack", "merge"):
        fresh = warm.learning([one], make_tuner(name), seed=2, start=start)
        assert loss(fresh) == pytest.approx(told, rel=1e-5)
        names = {n for n, p in fresh.named_parameters() if p.requires_grad}
        assert all("stage-1" in n for n in names) if start == "stack" else all("stage-0" in n for n in names)
        warm.reset()


@pytest.mark.parametrize("name", ["lora", "ia3", "prompt", "full"])
def test_a_stage_can_go_on_with_the_weights_of_the_one_before(name: str, tmp_path: Path) -> None:
    warm = ModelPool(build("llama"))
    one, told = learnt(warm, [], name, tmp_path / "1")
    going = warm.learning([one], make_tuner(name), seed=2, start="continue")
    assert loss(going) == pytest.approx(told, rel=1e-6)
    warm.reset()
    two, told_two = learnt(warm, [one], name, tmp_path / "2", "continue")
    assert loss(warm.answering([one, two])) == pytest.approx(told_two, rel=1e-6)
    warm.reset()


def test_three_stages_stand_on_each_other(tmp_path: Path) -> None:
    warm = ModelPool(build("llama"))
    links, told = [], []
    for place, name in enumerate(["full", "lora", "lora"]):
        link, value = learnt(warm, links, name, tmp_path / str(place))
        links.append(link)
        told.append(value)
    for count in (1, 2, 3):
        assert loss(warm.answering(links[:count])) == pytest.approx(told[count - 1], rel=1e-5)
        warm.reset()


@pytest.mark.parametrize(
    ("first", "second", "start", "message"),
    [
        ("prompt", "lora", "auto", "a soft prompt cannot be merged"),
        ("lora", "ia3", "stack", "of its kind"),
        ("lora", "ia3", "continue", "the same tuner"),
    ],
)
def test_stages_that_cannot_follow_each_other_are_refused(
    first: str, second: str, start: str, message: str, tmp_path: Path
) -> None:
    warm = ModelPool(build("llama"))
    one, _ = learnt(warm, [], first, tmp_path / "1")
    with pytest.raises(UserError, match=message):
        warm.learning([one], make_tuner(second), seed=1, start=start)
    warm.reset()


def test_a_base_that_was_changed_behind_its_back_is_noticed() -> None:
    warm = ModelPool(build("llama"))
    next(warm.base.parameters()).data[0] += 1
    with pytest.raises(RuntimeError, match="have changed since it was loaded"):
        warm.reset()


def test_bfloat16_comes_back_bit_for_bit_after_a_merge(tmp_path: Path) -> None:
    warm = ModelPool(build("llama").to(torch.bfloat16))
    one, _ = learnt(warm, [], "lora", tmp_path / "1")
    warm.learning([one], make_tuner("full"), seed=1)
    warm.reset()
    assert next(warm.base.parameters()).dtype == torch.bfloat16
