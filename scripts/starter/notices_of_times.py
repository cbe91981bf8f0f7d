"""Notices about a time of day, a date or a month, with claims about them."""

from __future__ import annotations

import random
from collections.abc import Callable

from starter.words import DAYS, MONTHS, NAMES, STREETS, clock12, near

# A notice with claims about it, each with whether it is true.
Notice = tuple[str, list[tuple[str, bool]]]


def _opening(rng: random.Random) -> Notice:
    place = rng.choice(["swimming pool", "library", "recycling yard", "tool shop", "post office", "climbing hall"])
    opens, closes = rng.randint(8, 10), rng.randint(16, 20)
    shut = rng.choice(DAYS)
    day = rng.choice([day for day in DAYS if day != shut])
    hour = rng.choice([opens - 1, opens + 1, rng.randint(12, 15), closes - 1, closes + 1, closes + 2])
    within = opens <= hour < closes
    either = rng.choice([shut, day])
    name = rng.choice(NAMES)
    notice = rng.choice(
        [
            f"The {place} is open from {clock12(opens, 0)} to {clock12(closes, 0)} every day but {shut}.",
            f"Opening hours of the {place}: {clock12(opens, 0)} to {clock12(closes, 0)}. Closed all day on {shut}s.",
            f"Come and see us at the {place}! Our doors open at {clock12(opens, 0)} and close at {clock12(closes, 0)}; "
            f"only on {shut}s do we stay shut.",
        ]
    )
    return notice, [
        (f"{name} can get into the {place} on {day} at {clock12(hour, 30)}.", within),
        (f"On {day} at {clock12(hour, 30)}, {name} would find the {place} closed.", not within),
        (f"On {either}s, nobody can visit the {place}.", either == shut),
        (f"{name} could go to the {place} at noon on {either}.", either != shut),
    ]


def _dogs(rng: random.Random) -> Notice:
    place = rng.choice(["beach", "camp site", "palace garden", "lake path", "nature reserve", "farm trail"])
    first, last = rng.choice([("April", "September"), ("May", "August"), ("March", "October"), ("June", "July")])
    month = rng.choice(MONTHS)
    summer = MONTHS.index(first) <= MONTHS.index(month) <= MONTHS.index(last)
    name, pet = rng.choice(NAMES), rng.choice(["terrier", "poodle", "sheepdog", "greyhound", "puppy"])
    notice = rng.choice(
        [
            f"Dogs are not allowed on the {place} from {first} to {last}. In the other months they must be on a lead.",
            f"From {first} to {last} no dogs on the {place}, please. At other times keep your dog on a lead.",
            f"The {place} is closed to dogs in summer ({first} to {last}); for the rest of the year the rule is: lead "
            "on.",
        ]
    )
    return notice, [
        (f"In {month}, {name} can take a {pet} on a lead to the {place}.", not summer),
        (f"Even on a lead, a {pet} must stay away from the {place} in {month}.", summer),
        (f"In {month}, a lead is all that a {pet} needs to be welcome on the {place}.", not summer),
        (f"{name} would break the rules by bringing a {pet} to the {place} in {month}, lead or no lead.", summer),
    ]


def _deadline(rng: random.Random) -> Notice:
    day, hour = rng.randint(6, 24), rng.randint(10, 17)
    month = rng.choice(MONTHS)
    later = near(rng, day, 4)
    minute_hour = hour + rng.choice([-2, -1, 1, 2])
    name = rng.choice(NAMES)
    what = rng.choice(["photo contest", "summer school", "youth orchestra", "art prize", "maths camp", "study grant"])
    notice = rng.choice(
        [
            f"Entries for the {what} must reach us by {clock12(hour, 0)} on {day} {month}. We accept no late ones.",
            f"Want to join the {what}? Send your form before {clock12(hour, 0)} on {day} {month}, not later.",
            f"The {what} takes papers until {day} {month}, {clock12(hour, 0)}. After that the list is closed.",
        ]
    )
    return notice, [
        (f"{name}'s papers come in on {later} {month}, which is in time for the {what}.", later < day),
        (f"Papers that arrive on {later} {month} are too late.", later > day),
        (f"On {day} {month} at {clock12(minute_hour, 0)}, one can still hand in papers.", minute_hour < hour),
        (f"At {clock12(minute_hour, 0)} on {day} {month}, {name} can no longer apply.", minute_hour > hour),
    ]


def _water(rng: random.Random) -> Notice:
    street, other = rng.sample(STREETS, 2)
    start, end = rng.randint(8, 10), rng.randint(13, 17)
    day = rng.choice(DAYS)
    hour = rng.choice([start - 1, start + 1, 12, end - 1, end + 1, end + 2])
    off = start <= hour < end
    either = rng.choice([street, other])
    thing, use = rng.choice(
        [("water", "run the tap"), ("power", "use the electric oven"), ("gas", "use the gas stove")]
    )
    notice = rng.choice(
        [
            f"The {thing} in {street} will be off on {day} from {clock12(start, 0)} to {clock12(end, 0)} for repairs. "
            "No other street is affected.",
            f"Repairs on {day}: no {thing} in {street} between {clock12(start, 0)} and {clock12(end, 0)}. All other "
            "streets are supplied as usual.",
            f"To all in {street}: you will be without {thing} on {day}, {clock12(start, 0)} to {clock12(end, 0)}. The "
            "streets around you are spared.",
        ]
    )
    return notice, [
        (f"On {day} at {clock12(hour, 30)}, people in {street} can {use}.", not off),
        (f"At {clock12(hour, 30)} on {day}, there is no {thing} in {street}.", off),
        (f"Families in {either} have to do without {thing} on {day} at 11 am.", either == street),
        (f"Nobody in {either} needs to worry about the {thing} on {day}.", either == other),
    ]


def _quiet(rng: random.Random) -> Notice:
    start, late = rng.choice([20, 21]), rng.choice([23, 22])
    day = rng.choice(DAYS)
    hour = rng.choice([18, 19, 20, 21, 22])
    limit = late if day in ("Friday", "Saturday") else start
    allowed = hour < limit
    name, tool = rng.choice(NAMES), rng.choice(["trumpet", "drums", "piano", "violin", "electric guitar"])
    notice = rng.choice(
        [
            f"House rules: no music after {clock12(start, 0)}, on Fridays and Saturdays after {clock12(late, 0)}.",
            f"Dear neighbours, music may be played until {clock12(start, 0)}, on Fridays and Saturdays until "
            f"{clock12(late, 0)}.",
            f"Instruments must fall silent at {clock12(start, 0)}; before a free day, on Friday and Saturday, at "
            f"{clock12(late, 0)}.",
        ]
    )
    return notice, [
        (f"On {day} at {clock12(hour, 30)}, {name} may practise the {tool}.", allowed),
        (f"{name} breaks the rules by playing the {tool} at {clock12(hour, 30)} on {day}.", not allowed),
        (f"The house must be free of music on {day} at {clock12(hour, 30)}.", not allowed),
        (f"Nobody can complain if the {tool} is heard on {day} at {clock12(hour, 30)}.", allowed),
    ]


def _closure(rng: random.Random) -> Notice:
    place = rng.choice(["hospital", "town hall", "school", "hotel", "department store", "museum"])
    floors = rng.sample(["ground", "first", "second", "third", "fourth"], 3)
    day, month = rng.randint(5, 22), rng.choice(MONTHS)
    other, early = near(rng, day, 5), day - rng.randint(1, 4)
    floor = rng.choice(floors[:2])
    name = rng.choice(NAMES)
    notice = rng.choice(
        [
            f"Building work: the {floors[0]} floor of the {place} is closed until {day} {month}. All other floors "
            "are open.",
            f"Because of a water leak, nobody may enter the {floors[0]} floor of the {place} before {day + 1} {month}; "
            "the rest of the house is open.",
            f"The {place} stays open, all but the {floors[0]} floor, which the painters need up to and including {day} "
            f"{month}.",
        ]
    )
    return notice, [
        (f"{name} can visit the {floors[0]} floor on {other} {month}.", other > day),
        (f"On {other} {month} the {floors[0]} floor is still closed.", other < day),
        (f"The {floor} floor of the {place} is open to all on {early} {month}.", floor != floors[0]),
        (f"Visitors to the {floor} floor must wait until it opens again.", floor == floors[0]),
    ]


TIMES: tuple[Callable[[random.Random], Notice], ...] = (
    _opening,
    _dogs,
    _deadline,
    _water,
    _quiet,
    _closure,
)
