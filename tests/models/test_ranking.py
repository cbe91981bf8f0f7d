"""Options foretold together, against plain forward passes over one whole sequence at a time, in fp32."""

from __future__ import annotations

import random

import pytest
import torch

from tests.models.architectures import CONFIGS, VOCABULARY, build
from tests.training.test_encoder_decoders import CONFIGS as PAIR_CONFIGS
from tests.training.test_encoder_decoders import build_pairs
from tuition.models import ranking, tree_attention
from tuition.models.batches import Batching
from tuition.models.option_tree import ROOT, divided, option_tree
from tuition.models.ranking import option_log_probabilities, tree_is_exact
from tuition.models.seq2seq_ranking import decoder_start
from tuition.models.tokens import TokenizedPrompt
from tuition.models.tuners import make_tuner

Tokens = tuple[int, ...]
DRAW = random.Random(5)


def ids(count: int) -> Tokens:
    return tuple(DRAW.randrange(3, VOCABULARY) for _ in range(count))


TASKS = [ids(17), ids(6)]
BODIES = [1, 9, 4, 16, 2, 7, 7, 3]
PROMPTS = [TokenizedPrompt(TASKS[0], ids(body), ids(2)) for body in BODIES]
PROMPTS += [TokenizedPrompt(TASKS[1], ids(body), ()) for body in (3, 6)]
PROMPTS += [TokenizedPrompt(ids(4), ids(5), ())]  # a prefix that nobody shares
ONE, OTHER, BRANCH = ids(1), ids(1), ids(3)
CLOSED: list[Tokens] = [
    ONE, OTHER, BRANCH, BRANCH[:2], (*BRANCH[:2], *ONE), (*BRANCH, *ids(4)), ids(6), ONE, (*ids(2), *ONE),
]  # fmt: skip
"""Of one token and of several; begun alike, beginning one another, and one of them twice."""
RAGGED = [[ids(1 + (row + number) % 5) for number in range(1 + row % 4)] for row in range(len(PROMPTS))]
OPTIONS: dict[str, list[list[Tokens]]] = {
    "one closed set": [CLOSED] * len(PROMPTS),
    "options of each row": RAGGED,
    "one token each": [[ONE, OTHER]] * len(PROMPTS),
    "one option": [[BRANCH]] * len(PROMPTS),
    "some rows without any": [[CLOSED, []][row % 2] for row in range(len(PROMPTS))],
}


def alone(model: torch.nn.Module, prompt: TokenizedPrompt, option: Tokens) -> list[float]:
    """One whole sequence in one plain forward pass; a soft prompt is put before it by peft itself."""
    whole = prompt.prefix + prompt.body + option
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([whole])).logits[0, -len(option) - 1 : -1]
    return logits.float().log_softmax(-1)[torch.arange(len(option)), torch.tensor(option)].tolist()


def alone_decoded(model: torch.nn.Module, prompt: TokenizedPrompt, opening: Tokens, option: Tokens) -> list[float]:
    begun = (decoder_start(model), *opening, *option)
    with torch.no_grad():
        logits = model(
            input_ids=torch.tensor([prompt.prefix + prompt.body]), decoder_input_ids=torch.tensor([begun])
        ).logits[0, -len(option) - 1 : -1]
    return logits.log_softmax(-1)[torch.arange(len(option)), torch.tensor(option)].tolist()


def differs(found: list[list[tuple[float, ...]]], wanted: list[list[list[float]]]) -> float:
    assert [[len(option) for option in own] for own in found] == [[len(option) for option in own] for own in wanted]
    ours, theirs = ([value for own in side for option in own for value in option] for side in (found, wanted))
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("architecture", CONFIGS)
def test_every_token_is_foretold_as_in_its_sequence_alone(architecture: str, options: str) -> None:
    model = build(architecture).eval()
    wanted = [
        [alone(model, prompt, option) for option in own] for prompt, own in zip(PROMPTS, OPTIONS[options], strict=True)
    ]
    for size, share in ((1, True), (3, True), (32, True), (4, False)):
        counted: list[int] = []
        found = option_log_probabilities(
            model, PROMPTS, OPTIONS[options], batching=Batching(size, share_prefix=share), advance=counted.append
        )
        assert differs(found, wanted) < 1e-4
        assert sum(counted) == len(PROMPTS)


def test_trees_are_taken_where_they_are_exact_and_no_window_cuts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    by_tree = ranking.by_tree
    monkeypatch.setattr(ranking, "tree_is_exact", lambda model: True)
    monkeypatch.setattr(ranking, "by_tree", lambda *given: taken.append("tree") or by_tree(*given))
    short = [TokenizedPrompt((5, 6), (7,), ())]
    for name in ("llama", "mistral", "gemma3"):
        model = build(name).eval()
        found = option_log_probabilities(model, short, [[(8, 9), (8, 4, 3)]])
        assert differs(found, [[alone(model, short[0], option) for option in ((8, 9), (8, 4, 3))]]) < 1e-4
        option_log_probabilities(model, PROMPTS[:2], [[ONE]] * 2)
    # Every model takes the short question by a tree, and only the one without windows the long ones too.
    assert len(taken) == 3 + 1


@pytest.mark.parametrize("architecture", CONFIGS)
def test_trees_are_exact_for_plain_attention(architecture: str) -> None:
    assert tree_is_exact(build(architecture))
    assert tree_is_exact(build(architecture).bfloat16())


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float32])
def test_a_model_that_places_tokens_by_columns_takes_a_row_for_each_option(precision: torch.dtype) -> None:
    from transformers import BloomConfig, BloomForCausalLM

    torch.manual_seed(1)
    model = BloomForCausalLM(BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4)).eval()
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    assert not tree_is_exact(model.to(precision))
    if precision != torch.float32:
        return
    found = option_log_probabilities(model, PROMPTS, OPTIONS["one closed set"])
    assert differs(found, [[alone(model, prompt, option) for option in CLOSED] for prompt in PROMPTS]) < 1e-4


def test_very_many_options_are_divided_among_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("llama").eval()
    whole = option_log_probabilities(model, PROMPTS, [CLOSED] * len(PROMPTS))
    calls: list[int] = []
    model.register_forward_hook(lambda *given: calls.append(1))
    for nodes in (1, 4):
        monkeypatch.setattr(tree_attention, "LOGITS_LIMIT", 4 * VOCABULARY * (nodes + 1))
        counted: list[int] = []
        parts = option_log_probabilities(model, PROMPTS, [CLOSED] * len(PROMPTS), advance=counted.append)
        assert differs(parts, [[list(option) for option in own] for own in whole]) < 1e-4
        assert sum(counted) == len(PROMPTS)
        assert len(calls) > len(PROMPTS)


@pytest.mark.parametrize("tuner", ["lora", "ia3", "prompt"])
@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma3"])
def test_tuned_models_foretell_as_peft_does(architecture: str, tuner: str) -> None:
    tuned = make_tuner(tuner).attach(build(architecture), seed=1).eval()
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name or "ia3" in name or "prompt_encoder" in name:
            parameter.data.normal_(std=0.3)
    wanted = [[alone(tuned, prompt, option) for option in CLOSED] for prompt in PROMPTS]
    assert differs(option_log_probabilities(tuned, PROMPTS, [CLOSED] * len(PROMPTS)), wanted) < 1e-4


@pytest.mark.parametrize("opening", [(), (3,)])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("architecture", PAIR_CONFIGS)
def test_decoders_foretell_each_option_as_alone(architecture: str, options: str, opening: Tokens) -> None:
    model = build_pairs(architecture).eval()
    wanted = [
        [alone_decoded(model, prompt, opening, option) for option in own]
        for prompt, own in zip(PROMPTS, OPTIONS[options], strict=True)
    ]
    for size in (1, 4, 32):
        counted: list[int] = []
        found = option_log_probabilities(
            model, PROMPTS, OPTIONS[options], opening=opening, batching=Batching(size), advance=counted.append
        )
        assert differs(found, wanted) < 1e-4
        assert sum(counted) == len(PROMPTS)


def test_a_source_is_encoded_once_whatever_the_number_of_its_options() -> None:
    model = build_pairs("t5").eval()
    calls: list[int] = []
    model.get_encoder().register_forward_hook(lambda *given: calls.append(1))
    option_log_probabilities(model, PROMPTS, [[ids(4) for _ in range(30)]] * len(PROMPTS), batching=Batching(4))
    assert len(calls) == 3


@pytest.mark.parametrize("architecture", ["t5", "bart"])
def test_soft_prompts_stand_before_an_encoders_source(architecture: str) -> None:
    tuned = make_tuner("prompt").attach(build_pairs(architecture), seed=1).eval()
    wanted = [[alone_decoded(tuned, prompt, (), option) for option in CLOSED] for prompt in PROMPTS]
    assert differs(option_log_probabilities(tuned, PROMPTS, [CLOSED] * len(PROMPTS)), wanted) < 1e-4


def test_a_prompt_of_a_prefix_alone_is_asked_from_its_last_token() -> None:
    model = build("llama").eval()
    bare = TokenizedPrompt(TASKS[0], (), ())
    assert differs(option_log_probabilities(model, [bare, PROMPTS[0]], [CLOSED] * 2)[:1],
                   [[alone(model, bare, option) for option in CLOSED]]) < 1e-4  # fmt: skip


def test_what_cannot_be_foretold_is_refused() -> None:
    model = build("gpt2")
    with pytest.raises(ValueError, match="at least one token"):
        option_log_probabilities(model, PROMPTS[:1], [[ONE, ()]])
    with pytest.raises(ValueError, match="every prompt needs at least one token"):
        option_log_probabilities(model, [TokenizedPrompt((), (), ())], [[ONE]])
    with pytest.raises(ValueError, match="2 prompts but 1 lists"):
        option_log_probabilities(model, PROMPTS[:2], [[ONE]])
    assert option_log_probabilities(model, [], []) == []
    assert option_log_probabilities(model, PROMPTS[:1], [[]]) == [[]]


def test_what_options_begin_with_is_one_node_and_last_tokens_are_none() -> None:
    tree = option_tree([(1,), (2, 3, 4), (2, 3), (2, 5, 4), (2, 3, 4)])
    assert tree.tokens == (2, 3, 5)
    assert tree.parents == (ROOT, 0, 0)
    assert tree.depths == (1, 2, 2)
    assert tree.places == ((ROOT,), (ROOT, 0, 1), (ROOT, 0), (ROOT, 0, 2), (ROOT, 0, 1))
    assert tree.paths() == [(0, 1), (0, 2)]
    assert option_tree([(1,), (2,)]).paths() == []


def test_dividing_keeps_every_option_once_and_trees_small() -> None:
    options = [ids(1 + number % 7) for number in range(60)]
    for most in (1, 5, 20):
        runs = divided(options, most)
        assert sorted(option for run in runs for option in run) == list(range(60))
        for run in runs:
            assert len(run) == 1 or len(option_tree([options[at] for at in run]).tokens) <= most
