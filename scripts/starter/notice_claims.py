"""Task 9, textual entailment: does a notice entail a claim."""

from __future__ import annotations

import random
from collections.abc import Iterator

from starter.build import Row, StarterTask
from starter.notices_of_counts import COUNTS
from starter.notices_of_times import TIMES
from starter.words import Deck
from tuition.tasks.types import Example


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield notices with a claim; every kind of claim is true as often as it is false."""
    notices = Deck(
        rng, [(notice, claim, truth) for notice in (*TIMES, *COUNTS) for claim in range(4) for truth in (True, False)]
    )
    while True:
        make, claim, wanted = notices.draw()
        notice, claims = make(rng)
        while claims[claim][1] != wanted:
            notice, claims = make(rng)
        yield Row(f"Notice: {notice} Claim: {claims[claim][0]}", ("yes" if wanted else "no",))


TASK = StarterTask(
    name="task009_starter_notice_claims",
    category="Textual Entailment",
    domain="Public Notices",
    reasoning="Deductive Reasoning",
    definition=(
        "You are given a notice, such as opening hours, prices or house rules, and a claim that somebody makes. Decide "
        "whether the claim is true if the notice holds. Count ages, days, hours and sums exactly, and take nothing for "
        "granted that the notice does not say. Answer 'yes' if the claim is true and 'no' if it is false."
    ),
    positive=(
        Example(
            "Notice: The skate park is open to everybody from 9 am to 6 pm. Helmets are a must. Claim: Petra can skate "
            "there at 7 pm.",
            "no",
            "At 7 pm the skate park has been closed for an hour.",
        ),
        Example(
            "Notice: Bread from the day before costs half. Claim: Ravi pays 2 euros for yesterday's 4-euro loaf.",
            "yes",
            "Half of 4 euros is 2 euros, so the claim holds.",
        ),
    ),
    negative=(
        Example(
            "Notice: The sauna is for adults only. Claim: A boy of nine may use the sauna.",
            "yes",
            "A boy of nine is not an adult, so the answer is no.",
        ),
    ),
    rows=rows,
)
