"""Options weighed by a server: exactly where it tells their tokens, in a chat by the first one, and else not at all."""

from __future__ import annotations

import pytest
from tests.evaluation.remote.conftest import Server
from tests.evaluation.remote.server import log_probability, split

from tuition.base.errors import UserError
from tuition.evaluation.remote import Ledger, Limits, RankQuestion, RemoteError, rank_questions, rank_remotely
from tuition.prompts.types import Prompt

OPTIONS = ("yes", "no way", "perhaps")


def rows(count: int, options: tuple[str, ...] = OPTIONS, *, neutral: bool = False) -> list[RankQuestion]:
    none = Prompt("Say. Input:", " Output:", "") if neutral else None
    return [RankQuestion(Prompt("Say. Input:", f" {at} Output:", ""), options, neutral=none) for at in range(count)]


def made_up(source: str, option: str, how: str = "words") -> float:
    """The log-probability that the server makes up for an option's tokens."""
    before, tokens = split(source, how), split(f"{source} {option}", how)
    return sum(log_probability(tokens, at) for at in range(len(before), len(tokens)))


@pytest.mark.parametrize("offers", ["echo", "prompt_logprobs"])
@pytest.mark.parametrize("how", ["words", "bos"])
def test_options_have_the_log_probability_of_their_own_tokens(server: Server, offers: str, how: str) -> None:
    server.control(offers=offers, tokens=how)
    asked, done, ledger = rows(4, neutral=True), [], Ledger()
    found = rank_remotely(server.endpoint(kind="completions"), asked, ledger=ledger, advance=done.append)
    assert (found.method, found.inexact, found.unlisted, sum(done)) == (offers, 0, 0, 4)
    for row, ranking in zip(asked, found.rankings, strict=True):
        sums = [made_up(row.prompt.source, option, how) for option in OPTIONS]
        assert ranking.scores["sum"] == pytest.approx(sums)
        assert ranking.tokens == (1, 2, 1)
        assert ranking.scores["per_token"] == pytest.approx([sums[0], sums[1] / 2, sums[2]])
        priors = [made_up("Say. Input: Output:", option, how) for option in OPTIONS]
        assert ranking.scores["pmi"] == pytest.approx([own - prior for own, prior in zip(sums, priors, strict=True)])
    # Three options of each of four rows, and of the one neutral prompt; where echo is not known, that was tried once.
    assert ledger.requests == len(server.seen) == 15 + (offers != "echo")
    assert len(found.usages) == 24


def test_ranking_again_asks_nothing(server: Server) -> None:
    for _ in range(2):
        rank_remotely(server.endpoint(kind="completions"), rows(2))
    assert len(server.seen) == 6


def test_a_token_over_the_border_leaves_the_order_and_is_told(server: Server) -> None:
    server.control(tokens="glued")
    asked = [RankQuestion(Prompt("Say", " x:", ""), ("yes", "no"))]
    found = rank_remotely(server.endpoint(kind="completions"), asked)
    assert found.inexact == 1
    sums = []
    for option in ("yes", "no"):
        tokens = split(f"Say x: {option}", "glued")
        assert tokens[-1] == f": {option}"
        sums.append(log_probability(tokens, len(tokens) - 1))
    assert found.rankings[0].scores["sum"] == pytest.approx(sums)


def test_options_beyond_ascii_are_weighed_by_asking_for_the_prompt_alone(server: Server) -> None:
    server.control(tokens="bytes")
    asked = [RankQuestion(Prompt("Sag. Eingabe: Öl", " Ausgabe:", ""), ("schön", "nein"))]
    found = rank_remotely(server.endpoint(kind="completions"), asked)
    assert found.inexact == 0
    assert found.rankings[0].tokens == (len(" schön".encode()), 1)
    assert len(server.seen) == 3


@pytest.mark.parametrize("refused", ["", "status:422"])
def test_a_server_that_tells_nothing_is_told_so_after_one_request_of_each_kind(server: Server, refused: str) -> None:
    server.control(offers="", script=["", refused])
    with pytest.raises(RemoteError, match=r"neither by echo with logprobs \(.+\) nor by prompt_logprobs") as caught:
        rank_remotely(server.endpoint(kind="completions"), rows(20))
    assert not caught.value.hopeless
    assert len(server.seen) == 2


def test_a_wrong_key_is_not_taken_for_a_lack_of_log_probabilities(server: Server) -> None:
    server.control(key="other")
    with pytest.raises(RemoteError, match="refuses the key"):
        rank_remotely(server.endpoint(kind="completions"), rows(20))


@pytest.mark.parametrize("kind", ["chat", "completions"])
def test_a_chat_ranks_by_the_first_token(server: Server, kind: str) -> None:
    found = rank_remotely(server.endpoint(kind=kind), rows(3, ("yes", "no", "cannot tell")), chat=True)
    assert (found.method, found.unlisted) == ("first-token", 0)
    assert [ranking.chosen() for ranking in found.rankings] == ["yes"] * 3
    assert found.rankings[0].listed == (True, True, False)  # type: ignore[attr-defined]
    assert [seen["path"] for seen in server.seen] == ["/v1/chat/completions"] * 3


def test_a_chat_without_likely_tokens_is_refused_at_once(server: Server) -> None:
    server.control(top=None)
    with pytest.raises(RemoteError, match="does not list the most likely tokens"):
        rank_remotely(server.endpoint(limits=Limits(concurrency=1)), rows(20, ("yes", "no")))
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (RankQuestion(Prompt("a", "", ""), ()), "no options"),
        (RankQuestion(Prompt("a", "", ""), ("yes", " ")), "an empty one"),
        (RankQuestion(Prompt("a", "", ""), ("yes",), "{rationale} {output}"), "rationale"),
        (RankQuestion(Prompt("a", "", ""), ("very good", "very bad")), "cannot be distinguished"),
    ],
)
def test_what_cannot_be_ranked_is_refused_before_it_is_asked(server: Server, bad: RankQuestion, says: str) -> None:
    for call in (rank_questions, rank_remotely):
        with pytest.raises(UserError, match=says):
            call(server.endpoint(), [*rows(1, ("yes", "no")), bad])
    assert server.seen == []


def test_the_questions_told_beforehand_are_those_that_are_asked(server: Server) -> None:
    asked = rows(3, neutral=True)
    told = rank_questions(server.endpoint(kind="completions"), asked)
    rank_remotely(server.endpoint(kind="completions"), asked)
    prompts = [seen["body"]["prompt"] for seen in server.seen]
    assert sorted(prompts) == sorted({question.body["prompt"] for question in told})
