"""Task 7, arithmetic: a number to be calculated from a short story."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from starter.build import Row, StarterTask
from starter.words import CITIES, DAYS, NAMES, Deck
from tuition.tasks.types import Example

Numbers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Story:
    """A text with numbers drawn from ranges, numbers derived from them (`made`), and its answer."""

    text: str
    ranges: Mapping[str, tuple[int, int]]
    answer: Callable[[Numbers], int]
    made: Mapping[str, Callable[[Numbers], int]] = field(default_factory=dict)


STORIES = (
    Story(
        "{name} picked {a} {fruit} in the morning and {b} in the afternoon, then gave {c} of them to {other}. How many "
        "{fruit} does {name} have left?",
        {"a": (12, 60), "b": (10, 40), "c": (5, 20)},
        lambda n: n["a"] + n["b"] - n["c"],
    ),
    Story(
        "A {vehicle} leaves {city} with {a} passengers. At the first stop {b} get off and {c} get on. How many "
        "passengers are on board now?",
        {"a": (25, 80), "b": (3, 22), "c": (2, 19)},
        lambda n: n["a"] - n["b"] + n["c"],
    ),
    Story(
        "{name} buys {a} {goods} at {b} euros each and pays with a {note}-euro note. How many euros of change does "
        "{name} get?",
        {"a": (2, 6), "b": (3, 8)},
        lambda n: n["note"] - n["a"] * n["b"],
        {"note": lambda n: 20 if n["a"] * n["b"] < 20 else 50},
    ),
    Story(
        "The {hall} has {a} rows of {b} seats, but {c} seats are broken. How many people can sit down for the {day} "
        "show?",
        {"a": (5, 15), "b": (6, 20), "c": (2, 12)},
        lambda n: n["a"] * n["b"] - n["c"],
    ),
    Story(
        "{name} read {a} pages of a {book} on {day}, twice as many the next day and {b} on the third day. How many "
        "pages is that in all?",
        {"a": (8, 30), "b": (5, 40)},
        lambda n: 3 * n["a"] + n["b"],
    ),
    Story(
        "A baker in {city} fills {a} trays with {b} {bakes} each and sells all but {c} of them by noon. How many "
        "{bakes} were sold?",
        {"a": (3, 9), "b": (8, 24), "c": (2, 15)},
        lambda n: n["a"] * n["b"] - n["c"],
    ),
    Story(
        "{name} is {a} years old, and {other} is {b} years older. How old will {other} be in {c} years?",
        {"a": (6, 40), "b": (2, 15), "c": (3, 12)},
        lambda n: n["a"] + n["b"] + n["c"],
    ),
    Story(
        "{name} has {total} {fruit} and throws {c} bad ones away. The rest go into bags of {b}. How many bags does "
        "{name} fill?",
        {"bags": (4, 15), "b": (3, 9), "c": (2, 11)},
        lambda n: n["bags"],
        {"total": lambda n: n["bags"] * n["b"] + n["c"]},
    ),
    Story(
        "A ticket to the {hall} costs {a} dollars for adults and {b} for children. What do two adults and {c} children "
        "from {city} pay together, in dollars?",
        {"a": (8, 25), "b": (3, 7), "c": (2, 6)},
        lambda n: 2 * n["a"] + n["b"] * n["c"],
    ),
    Story(
        "The {shop} served {a} customers on {day} and {b} fewer on the day after. How many customers came on the two "
        "days together?",
        {"a": (40, 150), "b": (5, 35)},
        lambda n: 2 * n["a"] - n["b"],
    ),
    Story(
        "A rain barrel on the farm of {name} holds {a} litres. After a dry week it is empty, and {other} pours in {b} "
        "buckets of {c} litres. How many more litres would fit?",
        {"a": (130, 240), "b": (3, 10), "c": (8, 12)},
        lambda n: n["a"] - n["b"] * n["c"],
    ),
    Story(
        "{a} friends, {name} among them, share a restaurant bill of {total} pounds equally after a voucher took {c} "
        "pounds off it. How many pounds does each of them pay?",
        {"a": (3, 8), "each": (9, 25), "c": (5, 20)},
        lambda n: n["each"],
        {"total": lambda n: n["a"] * n["each"] + n["c"]},
    ),
    Story(
        "{name} {moves} {a} km on each of the five working days, {b} km on Saturday, and rests on Sunday. How many km "
        "does that make in a week?",
        {"a": (3, 14), "b": (8, 30)},
        lambda n: 5 * n["a"] + n["b"],
    ),
    Story(
        "The {day} film at the {hall} lasts {a} minutes, and the adverts before it take {b} minutes. The adverts began "
        "{c} minutes ago. In how many minutes will the film end?",
        {"a": (85, 150), "b": (8, 20), "c": (22, 60)},
        lambda n: n["a"] + n["b"] - n["c"],
    ),
    Story(
        "{name} saves {a} euros a week for {thing} that costs {total} euros. {other} has given {name} {b} euros "
        "towards it. For how many weeks must {name} save?",
        {"a": (8, 25), "weeks": (4, 15), "b": (10, 40)},
        lambda n: n["weeks"],
        {"total": lambda n: n["a"] * n["weeks"] + n["b"]},
    ),
    Story(
        "The {shop} orders {a} packs of {b} {goods}. Each of {c} helpers takes {d}. How many {goods} remain?",
        {"a": (6, 12), "b": (10, 20), "c": (3, 9), "d": (2, 6)},
        lambda n: n["a"] * n["b"] - n["c"] * n["d"],
    ),
    Story(
        "{name} keeps {a} hens and {b} {cattle} on a farm near {city}. How many legs do the animals have in all?",
        {"a": (4, 25), "b": (3, 15)},
        lambda n: 2 * n["a"] + 4 * n["b"],
    ),
    Story(
        "On {day} the {shop} cuts the price of {thing} from {a} euros by {c} euros. {name} buys {b} at once. How many "
        "euros does {name} pay?",
        {"a": (30, 90), "b": (2, 5), "c": (5, 20)},
        lambda n: n["b"] * (n["a"] - n["c"]),
    ),
    Story(
        "{name} has {a} {treasures}, {other} has {b} more than that, and {third} has half as many as {name}. How many "
        "{treasures} do the three own together?",
        {"half": (6, 30), "b": (3, 20)},
        lambda n: 2 * n["a"] + n["b"] + n["half"],
        {"a": lambda n: 2 * n["half"]},
    ),
    Story(
        "The ferry to {city} crosses {a} times a day with {b} cars on every crossing. How many cars can it carry in "
        "{c} days?",
        {"a": (3, 8), "b": (10, 25), "c": (2, 5)},
        lambda n: n["a"] * n["b"] * n["c"],
    ),
    Story(
        "In the {team} match {name} scored {a} points before the break and {b} after it; {other} scored {c} in all. By "
        "how many points did {name} beat {other}?",
        {"a": (9, 20), "b": (8, 18), "c": (4, 15)},
        lambda n: n["a"] + n["b"] - n["c"],
    ),
    Story(
        "{name} cuts a {a} cm long {stuff} into {b} pieces of {each} cm. How many cm are left over?",
        {"b": (4, 12), "each": (6, 15), "rest": (1, 5)},
        lambda n: n["rest"],
        {"a": lambda n: n["b"] * n["each"] + n["rest"]},
    ),
    Story(
        "{name} works {a} hours a day from Monday to Thursday and {b} hours on Friday, for {c} dollars an hour at the "
        "{shop}. How many dollars does {name} earn in a week?",
        {"a": (4, 8), "b": (2, 6), "c": (10, 20)},
        lambda n: (4 * n["a"] + n["b"]) * n["c"],
    ),
    Story(
        "The {team} club of {city} has {a} members. This year {b} people left, and then {c} times as many joined. How "
        "many members does it have now?",
        {"a": (40, 120), "b": (4, 12), "c": (2, 4)},
        lambda n: n["a"] - n["b"] + n["b"] * n["c"],
    ),
    Story(
        "The car park beside the {hall} has {a} levels with {b} places each. On {day} evening {c} cars stand there. "
        "How "
        "many places are free?",
        {"a": (3, 6), "b": (20, 50), "c": (10, 55)},
        lambda n: n["a"] * n["b"] - n["c"],
    ),
    Story(
        "{name} bakes {c} cakes for the {team} club, each with {b} grams of flour. Out of a sack of {a} kg, how many "
        "grams of flour are left?",
        {"a": (2, 4), "b": (200, 450), "c": (2, 4)},
        lambda n: 1000 * n["a"] - n["b"] * n["c"],
    ),
    Story(
        "On {day} {name} swims {a} lengths of a pool that is {b} metres long, has a rest, and swims {c} lengths more. "
        "How many metres is that altogether?",
        {"a": (4, 20), "b": (20, 50), "c": (2, 12)},
        lambda n: (n["a"] + n["c"]) * n["b"],
    ),
    Story(
        "At the market in {city} {name} sells {a} jars of jam at {b} euros and {c} {bakes} at {d} euros. How many "
        "euros "
        "does {name} take in?",
        {"a": (3, 15), "b": (3, 6), "c": (4, 20), "d": (2, 4)},
        lambda n: n["a"] * n["b"] + n["c"] * n["d"],
    ),
    Story(
        "{name} answers {a} calls a day from Monday to Friday at the {shop}. In that week {b} of the callers speak "
        "Spanish. How many callers do not?",
        {"a": (9, 30), "b": (4, 40)},
        lambda n: 5 * n["a"] - n["b"],
    ),
    Story(
        "Of the {a} pupils on the trip to {city}, {b} go by {vehicle} and {c} by car; {name} and all the others cycle. "
        "How many cycle?",
        {"a": (70, 130), "b": (20, 40), "c": (5, 25)},
        lambda n: n["a"] - n["b"] - n["c"],
    ),
    Story(
        "A call to {city} costs {a} cents a minute. {name} talks for {b} minutes and then {other} for {c} minutes. "
        "What "
        "do they pay for both calls, in cents?",
        {"a": (4, 15), "b": (3, 20), "c": (3, 20)},
        lambda n: n["a"] * (n["b"] + n["c"]),
    ),
    Story(
        "{name} gets into the lift on floor {a} of an office tower in {city}, rides up {b} floors to see {other}, and "
        "comes down {c} floors for lunch. On which floor is {name} now?",
        {"a": (1, 9), "b": (6, 20), "c": (2, 5)},
        lambda n: n["a"] + n["b"] - n["c"],
    ),
)

WORDS: dict[str, tuple[str, ...]] = {
    "fruit": ("apples", "mangoes", "lemons", "plums", "pears", "figs", "oranges", "peaches", "limes", "guavas"),
    "vehicle": ("bus", "coach", "tram", "train", "ferry", "night train"),
    "goods": ("notebooks", "mugs", "candles", "paint brushes", "pens", "folders", "postcards", "markers", "torches"),
    "hall": ("town theatre", "old cinema", "circus", "concert hall", "puppet theatre", "opera", "school hall"),
    "book": ("novel", "cookery book", "biography", "travel guide", "thriller", "history of tea", "comic"),
    "bakes": ("rolls", "samosas", "pretzels", "scones", "bagels", "pies", "croissants", "buns"),
    "shop": ("bicycle shop", "pharmacy", "bookshop", "corner café", "hardware shop", "flower shop", "toy shop"),
    "moves": ("runs", "walks", "cycles", "rows", "skates"),
    "thing": ("a guitar", "a tent", "a desk lamp", "a camera", "a rucksack", "a radio", "a raincoat", "a scooter"),
    "cattle": ("cows", "goats", "sheep", "pigs", "horses", "donkeys", "llamas"),
    "treasures": ("stamps", "marbles", "shells", "old coins", "comics", "football cards", "fossils"),
    "team": ("basketball", "handball", "darts", "volleyball", "rugby", "netball"),
    "stuff": ("board", "rope", "ribbon", "copper wire", "strip of leather", "length of cloth", "hose", "chain"),
}


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield stories with their answers in digits."""
    stories = Deck(rng, STORIES)
    while True:
        story = stories.draw()
        numbers = {key: rng.randint(*ends) for key, ends in story.ranges.items()}
        numbers |= {key: make(numbers) for key, make in story.made.items()}
        name, other, third = rng.sample(NAMES, 3)
        words = {key: rng.choice(choices) for key, choices in WORDS.items()}
        words |= {"name": name, "other": other, "third": third, "city": rng.choice(CITIES), "day": rng.choice(DAYS)}
        yield Row(story.text.format(**numbers, **words), (str(story.answer(numbers)),))


TASK = StarterTask(
    name="task007_starter_story_sums",
    category="Mathematics",
    domain="Commonsense",
    reasoning="Numerical Reasoning",
    definition=(
        "Read a little story that ends in a question about a number. Work the number out from the amounts in the "
        "story; "
        "it takes one to three steps of adding, subtracting, multiplying or dividing, and the result is always a whole "
        "number. Answer with the number alone, in digits, without a unit, a thousands separator or any working."
    ),
    positive=(
        Example(
            "A gardener plants 4 rows of 9 tulips, and frost kills 5 of them. How many tulips bloom?",
            "31",
            "4 times 9 is 36, and 36 minus 5 is 31.",
        ),
        Example(
            "Petra had 80 dollars, bought a hat for 26 dollars and found 10 dollars in its box. How many dollars has "
            "she?",
            "64",
            "80 minus 26 is 54, and 54 plus 10 is 64.",
        ),
    ),
    negative=(
        Example(
            "Ravi bakes 3 trays of 12 biscuits and eats 4 of them. How many biscuits are left?",
            "32 biscuits",
            "The number is right, but it must stand alone: 32.",
        ),
    ),
    rows=rows,
)
