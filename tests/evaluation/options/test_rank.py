"""Options weighed in every way, against plain forward passes and sums done by hand."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest
import torch
from tests.training.test_encoder_decoders import build_pairs

from tuition.base.errors import UserError
from tuition.evaluation.invariance import invariance
from tuition.evaluation.options.closed_set import closed_options
from tuition.evaluation.options.rank import neutral_prompt, option_questions, rank
from tuition.evaluation.options.rankings import NORMALISATIONS, Ranking, summarise_rankings
from tuition.models.batches import Batching
from tuition.models.load import LoadedModel, load_model
from tuition.models.tokens import PromptTokenizer, TokenizedPrompt
from tuition.prompts import ENCODINGS, Prompt, encode
from tuition.prompts.encode import answers
from tuition.tasks.readers import open_collection
from tuition.tasks.types import Instance, Task

OPTIONS = ("yes", "no", "not at all", "no way", "ja 🙂", "نعم", "e\u0301", "yes")  # begun alike, unicode, one twice


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> LoadedModel:
    model = load_model(str(tiny_model), precision="float32")
    for parameter in model.model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4))
    return model


@pytest.fixture(scope="module")
def pairs() -> LoadedModel:
    from transformers import ByT5Tokenizer

    tokens = PromptTokenizer(ByT5Tokenizer()).for_encoder()
    tokens.target_start = (3,)  # as BART's
    return LoadedModel("tiny T5", build_pairs("t5").eval(), tokens)


def questions(loaded: LoadedModel, inputs: list[str]) -> list[TokenizedPrompt]:
    return loaded.tokens([Prompt("Answer.\ninput:", f" {text}\noutput:", " x") for text in inputs])


INPUTS = ["one word", "", "ü", "a rather longer question than the others", "one word"]


def alone(loaded: LoadedModel, prompt: TokenizedPrompt, option: str, *, end: bool) -> float:
    """The sum of an option's log-probabilities by one plain forward pass."""
    if loaded.encoder_decoder:
        ids = (*loaded.tokens.ids([option])[0], *((loaded.tokens.end,) if end else ()))
        begun = (0, *loaded.tokens.target_start, *ids)
        given = {"input_ids": torch.tensor([prompt.prefix + prompt.body]), "decoder_input_ids": torch.tensor([begun])}
    else:
        ids = (*loaded.tokens.ids([f" {option}"])[0], *((loaded.tokens.end,) if end else ()))
        given = {"input_ids": torch.tensor([prompt.prefix + prompt.body + ids])}
    with torch.no_grad():
        logits = loaded.model(**given).logits[0, -len(ids) - 1 : -1].log_softmax(-1)
    return float(logits[torch.arange(len(ids)), torch.tensor(ids)].sum())


@pytest.mark.parametrize("kind", ["loaded", "pairs"])
@pytest.mark.parametrize("end", [False, True])
def test_every_normalisation_is_that_of_the_plain_sum(kind: str, end: bool, request: pytest.FixtureRequest) -> None:
    model: LoadedModel = request.getfixturevalue(kind)
    prompts, bare = questions(model, INPUTS), questions(model, [""])[0]
    rankings = rank(
        model.model,
        option_questions(model, prompts, [OPTIONS] * 5, neutral=[bare] * 5, end=end),
        batching=Batching(2),
    )
    for prompt, ranking in zip(prompts, rankings, strict=True):
        assert ranking.options == OPTIONS
        assert set(ranking.scores) == set(NORMALISATIONS)
        for at, option in enumerate(OPTIONS):
            space = 0 if model.encoder_decoder else 1
            assert ranking.tokens[at] == len(option.encode()) + space + end  # both tokenizers are of bytes
            total = alone(model, prompt, option, end=end)
            wanted = {
                "sum": total,
                "per_token": total / ranking.tokens[at],
                "per_character": total / len(option),
                "per_byte": total / len(option.encode()),
                "pmi": total - alone(model, bare, option, end=end),
            }
            for way, value in wanted.items():
                assert ranking.scores[way][at] == pytest.approx(value, abs=1e-4)
    # The prompt without input is its own neutral prompt, so that nothing is left there.
    assert max(map(abs, rankings[1].scores["pmi"])) < 1e-4


def test_priors_are_run_once_a_task_whatever_the_number_of_rows(loaded: LoadedModel) -> None:
    prompts, bare = questions(loaded, INPUTS * 4), questions(loaded, [""])[0]
    counted: list[int] = []
    hook = loaded.model.register_forward_hook(lambda *given: counted.append(1))
    rank(loaded.model, option_questions(loaded, prompts, [OPTIONS] * 20))
    without = len(counted)
    rank(loaded.model, option_questions(loaded, prompts, [OPTIONS] * 20, neutral=[bare] * 20))
    hook.remove()
    assert len(counted) - 2 * without <= 2


def test_without_the_end_token_an_option_never_beats_what_begins_it(loaded: LoadedModel) -> None:
    options = [("no", "not", "not at all")] * len(INPUTS)
    for ranking in rank(loaded.model, option_questions(loaded, questions(loaded, INPUTS), options)):
        assert ranking.scores["sum"][0] > ranking.scores["sum"][1] > ranking.scores["sum"][2]


def test_equal_options_score_alike_and_the_first_is_chosen() -> None:
    ranking = Ranking(("b", "a", "b"), {"sum": (-1.0, -1.0, -1.0)}, (1, 1, 1))
    assert ranking.chosen() == "b"
    summary = summarise_rankings([ranking], [["a"]])
    assert summary.tied == 1
    assert summary.per_row["sum"] == (0.0,)
    only = summarise_rankings([Ranking(("b", "b"), {"sum": (-1.0, -1.0)}, (1, 1))], [["b"]])
    assert (only.tied, only.scores[0].value) == (0, 100.0)


@pytest.mark.parametrize(
    ("options", "target", "said"),
    [
        ([("a", " \n")], " {output}", "prompt 0: option 1 is empty"),
        ([()], " {output}", "no options"),
        ([("a",)], " {rationale} {output}", "rationale"),
    ],
)
def test_options_that_cannot_be_ranked_are_refused(
    loaded: LoadedModel, options: list[tuple[str, ...]], target: str, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        option_questions(loaded, questions(loaded, [""]), options, target=target)


def test_a_list_too_many_or_too_few_is_refused_and_nothing_gives_nothing(loaded: LoadedModel) -> None:
    with pytest.raises(ValueError, match="one to each"):
        option_questions(loaded, questions(loaded, INPUTS), [OPTIONS])
    with pytest.raises(ValueError, match="one to each"):
        option_questions(loaded, questions(loaded, [""]), [OPTIONS], neutral=[])
    assert rank(loaded.model, option_questions(loaded, [], [])) == []


def test_summaries_count_what_no_choice_could_get_right() -> None:
    def made(*sums: float) -> Ranking:
        return Ranking(("yes", "no"), {"sum": sums, "per_token": tuple(-value for value in sums)}, (1, 1))

    summary = summarise_rankings(
        [made(-1, -2), made(-2, -1), made(-1, -2), made(-1, -2)], [[" yes\n"], ["no", "nope"], ["no"], ["maybe"]]
    )
    assert summary.per_row == {"sum": (1.0, 1.0, 0.0, 0.0), "per_token": (0.0, 0.0, 1.0, 0.0)}
    assert [(score.metric, score.value, score.n) for score in summary.scores] == [("sum", 50, 4), ("per_token", 25, 4)]
    assert summary.absent == 1
    assert summary.chance == pytest.approx(100 * 1.5 / 4)
    with pytest.raises(ValueError, match="one to each"):
        summarise_rankings([made(-1, -2)], [])
    with pytest.raises(UserError, match="row 0 has no accepted answer"):
        summarise_rankings([made(-1, -2)], [[]])
    with pytest.raises(UserError, match="no rankings"):
        summarise_rankings([], [])


def test_a_closed_set_is_the_distinct_answers_commonest_first() -> None:
    rows = [["yes"], ["no "], ["yes", " yes"], ["no"], ["no"], ["بله"], [""], ["بله"], ["بله"]]
    assert closed_options(rows, repeats=2) == ("no", "بله", "yes")
    assert closed_options(rows * 2) == ("no", "بله", "yes")
    assert closed_options(rows * 2, most=2) == closed_options(rows) == ()
    assert closed_options([[f"free answer {i}"] for i in range(10)]) == ()
    assert closed_options([]) == ()
    with pytest.raises(TypeError, match="one string"):
        closed_options(["yes", "no"])


def test_real_tasks_with_labels_are_closed_and_free_ones_are_not(superni: Path) -> None:
    collection = open_collection(superni)
    found = {}
    for name in ("task1344", "task1385", "task1159", "task039", "task1356"):
        rows = list(itertools.islice(collection[name].instances(), 200))
        found[name] = closed_options(row.outputs for row in rows)
        assert not found[name] or set(found[name]) == {text.strip() for row in rows for text in row.outputs}
    assert {name: len(options) for name, options in found.items()} == {
        "task1344": 2, "task1385": 3, "task1159": 14, "task039": 0, "task1356": 0,
    }  # fmt: skip


def colours() -> Task:
    rows = [Instance(str(i), f"thing {i}", ("red",)) for i in range(3)]
    return Task("colours", ("Say the colour.",), lambda: iter(rows), options=("red", "blue"))


@pytest.mark.parametrize("encoding", ["quick-learners", "quick-learners-input-only"])
def test_a_neutral_prompt_is_the_prompt_without_its_input(encoding: str) -> None:
    task = colours()
    (bare,) = {neutral_prompt(task, row, ENCODINGS[encoding]) for row in task.instances()}
    row = next(task.instances())
    assert bare is not None
    assert bare.source == encode(task, row, ENCODINGS[encoding]).source.replace(row.input, "")


def test_templates_words_are_ranked_and_emptied_fields_are_neutral(loaded: LoadedModel, superni: Path) -> None:
    flan = superni.parent / "flan"
    if not flan.is_dir():
        pytest.skip("the shared data has no FLAN")
    collection = open_collection(flan)
    for kind in ("flan", "flan-without-options"):
        encoding = ENCODINGS[kind]
        for name in collection.names[:3]:
            task = collection[name]
            rows = list(itertools.islice(task.instances(), 4))
            right, options = zip(*(answers(task, row, encoding) for row in rows), strict=True)
            if not all(options):
                continue
            bare = [neutral_prompt(task, row, encoding) for row in rows]
            prompts = loaded.tokens([encode(task, row, encoding) for row in rows])
            neutral = None if None in bare else loaded.tokens(bare)
            rankings = rank(
                loaded.model, option_questions(loaded, prompts, options, neutral=neutral, target=encoding.target)
            )
            summary = summarise_rankings(rankings, right)
            assert summary.absent == 0
            assert summary.n == len(rows)


def test_the_batch_changes_nothing_in_fp32(loaded: LoadedModel, pairs: LoadedModel) -> None:
    for model in (loaded, pairs):
        found = invariance(model, model.model, questions(model, INPUTS * 4), new_tokens=5, rows=7, batch_size=3)
        assert (found.rows, found.batch_size, found.precision) == (7, 3, "float32")
        assert (found.batched, found.padded) == (1.0, 1.0)
        assert 0 < found.log_probability_difference < 1e-4


def test_a_model_that_minds_its_neighbours_is_found_out(loaded: LoadedModel) -> None:
    def minds(module: torch.nn.Module, given: object, out: object) -> None:
        out.logits += 3 * torch.randn(  # type: ignore[attr-defined]
            out.logits.shape[-1],
            generator=torch.Generator().manual_seed(out.logits.shape[0]),  # type: ignore[attr-defined]
        )

    hook = loaded.model.register_forward_hook(minds)
    found = invariance(loaded, loaded.model, questions(loaded, INPUTS), new_tokens=5)
    hook.remove()
    assert found.batched < 1
    assert found.padded < 1
    assert found.log_probability_difference > 0.1
    with pytest.raises(UserError, match="no batch"):
        invariance(loaded, loaded.model, questions(loaded, ["a"]), new_tokens=5)


def test_rankings_of_one_option_are_that_option(loaded: LoadedModel) -> None:
    assert Counter(
        ranking.chosen(rule)
        for ranking in rank(loaded.model, option_questions(loaded, questions(loaded, INPUTS), [("so",)] * 5))
        for rule in ranking.scores
    ) == {"so": 5 * 4}
