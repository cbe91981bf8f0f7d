"""Task 6, data to text: the facts of an event become one sentence for a notice board."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from starter.build import Row, StarterTask
from starter.words import CITIES, NAMES, SURNAMES, Deck, an, month_name, phrases
from tuition.tasks.types import Example

EVENTS = phrases(
    "pottery class, jazz concert, chess tournament, book swap, bird walk, bread-baking course, open-air film, photo "
    "exhibition, salsa evening, coding workshop, poetry reading, plant sale, blood drive, bike repair morning, "
    "first-aid course, quiz night, choir rehearsal, puppet show, wine tasting, charity run, yoga session, harvest "
    "fair, science talk, knitting circle, job fair, origami workshop, drum circle, guided city walk, beach clean-up, "
    "astronomy evening, table tennis cup, flea market, improv theatre night, kimchi workshop, calligraphy course, "
    "health check-up day, storytelling hour, energy-saving talk, parents' evening, language exchange, vegan cookery "
    "class, robotics demo, history lecture, family picnic, opera gala, urban gardening day, mushroom hike, swimming "
    "gala, debate night, watercolour course"
)
PLACES = phrases(
    "Riverside Library, the Town Hall, Café Lumière, the Old Brewery, St Anne's Church, Hillside School, the "
    "Botanical Garden, Studio 12, the Harbour Museum, Lotus House, the Corner Bookshop, Kwame Hall, the Sports "
    "Centre, Mirador Park, the Glass Pavilion, Baker's Yard, the Community Kitchen, Elm Tree Farm, Cinema Rex, the "
    "Observatory, the Music School, Linden Square, the Youth Club, Warehouse 9, the Fire Station, the Tea Pavilion"
)
PRICES = {
    **{f"{n} EUR": f"tickets cost {n} euros" for n in (3, 4, 5, 6, 8, 9, 12, 15, 18, 24)},
    **{f"{n} GBP": f"tickets cost {n} pounds" for n in (2, 4, 5, 7, 10, 14, 20)},
    **{f"{n} USD": f"tickets cost {n} dollars" for n in (5, 6, 10, 16, 25, 30)},
    "free": "entry is free",
    "none": "entry is free",
    "no charge": "entry is free",
    "donation": "donations are welcome",
}
NAMES_OF_FIELDS: dict[str, tuple[str, ...]] = {
    "event": ("event", "what", "title"),
    "host": ("host", "led by", "with"),
    "place": ("place", "venue", "where"),
    "date": ("date", "day", "when"),
    "time": ("time", "start", "begins"),
    "price": ("price", "entry", "cost"),
}
Facts = list[tuple[str, str]]

LAYOUTS: tuple[Callable[[Facts], str], ...] = (
    lambda facts: " | ".join(f"{key}: {value}" for key, value in facts),
    lambda facts: "; ".join(f"{key} = {value}" for key, value in facts),
    lambda facts: ", ".join(f"{key}[{value}]" for key, value in facts),
    lambda facts: " / ".join(f"{key.upper()} {value}" for key, value in facts),
    lambda facts: " ".join(f"<{key}> {value}" for key, value in facts),
    lambda facts: "{" + ", ".join(f'"{key}": "{value}"' for key, value in facts) + "}",
    lambda facts: ". ".join(f"{key.capitalize()}: {value}" for key, value in facts),
)


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield lists of facts in shuffled order; host, time and price are sometimes missing."""
    events, layouts, places = Deck(rng, EVENTS), Deck(rng, LAYOUTS), Deck(rng, PLACES)
    prices = Deck(rng, [*PRICES, *["free"] * 5])
    while True:
        day = date(2025, 1, 1) + timedelta(days=rng.randint(0, 1000))
        hour, minute = rng.randint(8, 21), rng.choice([0, 0, 15, 30, 30, 45])
        facts = {"event": events.draw(), "place": f"{places.draw()}, {rng.choice(CITIES)}", "date": day.isoformat()}
        if rng.random() < 0.6:
            facts["host"] = f"{rng.choice(NAMES)} {rng.choice(SURNAMES)}"
        if rng.random() < 0.85:
            facts["time"] = f"{hour:02d}:{minute:02d}"
        if rng.random() < 0.85:
            facts["price"] = prices.draw()
        sentence = _sentence(facts, day)
        fields = [(rng.choice(NAMES_OF_FIELDS[key]), value) for key, value in facts.items()]
        rng.shuffle(fields)
        yield Row(layouts.draw()(fields), (sentence,))


def _sentence(facts: dict[str, str], day: date) -> str:
    place, _, city = facts["place"].partition(", ")
    sentence = f"Join us for {an(facts['event'])}"
    if "host" in facts:
        sentence += f" with {facts['host']}"
    sentence += f" at {place} in {city} on {day.day} {month_name(day)}"
    if "time" in facts:
        sentence += f" at {facts['time']}"
    if "price" in facts:
        sentence += f"; {PRICES[facts['price']]}"
    return f"{sentence}."


TASK = StarterTask(
    name="task006_starter_event_notice",
    category="Data to Text",
    domain="Public Events",
    reasoning="Format Conversion",
    definition=(
        "Turn the facts of an event into one sentence for a notice board. Begin with 'Join us for' and tell, in this "
        "order, the event, who leads it, the place and the town, the day such as '4 May' without the year, and the "
        "time. Behind a semicolon put 'tickets cost 7 euros', 'entry is free' or 'donations are welcome', as the case "
        "may be. Leave out what is not given."
    ),
    positive=(
        Example(
            "price: 7 EUR | event: tango course | time: 18:30 | place: the Ballroom, Oslo | date: 2025-05-04",
            "Join us for a tango course at the Ballroom in Oslo on 4 May at 18:30; tickets cost 7 euros.",
            "All facts stand in the set order, with the day as 4 May.",
        ),
        Example(
            "when = 2026-11-23; with = Petra Lund; where = Room 4, Lima; what = ukulele night; cost = free",
            "Join us for a ukulele night with Petra Lund at Room 4 in Lima on 23 November; entry is free.",
            "No time is given, so none is told.",
        ),
    ),
    negative=(
        Example(
            "event: kite day | place: the Old Pier, Split | date: 2025-08-09 | price: free",
            "On 2025-08-09 there is a kite day at the Old Pier in Split.",
            "The sentence must begin with 'Join us for', say 9 August and tell that entry is free.",
        ),
    ),
    rows=rows,
)
