"""The starter collection's answers, worked out again by other means than those that wrote them."""

import calendar
import re
from collections import Counter
from datetime import date
from math import ceil

import pytest

from tuition.tasks.readers import open_collection
from tuition.tasks.starter import STARTER_PATH

STARTER = open_collection(STARTER_PATH)
MONTHS = list(calendar.month_name)[1:]
DAYS = list(calendar.day_name)
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
NUMBERS |= {"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "half a dozen": 6, "a dozen": 12}


def rows(number):
    return [(row.input, row.outputs[0]) for row in STARTER[f"task{number:03d}"].instances()]


WEEKDAY = "|".join([*DAYS, *(day[:3] for day in DAYS)])
MONTH = "|".join([*MONTHS, *(month[:3] for month in MONTHS)])
WRITTEN_DATE = re.compile(
    rf"(?:\b(?P<weekday>{WEEKDAY}),? )?\b"
    rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?P<month>{MONTH})|"
    rf"(?P<month2>{MONTH}) (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?)\b"
    r"(?:,? (?P<year>20\d\d))?"
)
# What stands before the date on which goods are delivered.
DELIVERED = re.compile(
    r"(delivered on|reach you on|Delivery:|will be with you on|the van for|is coming on|will bring the [a-z -]+ on|"
    r"is planned for|delivery from .{5,32} to|handed to you in \w+ on|can deliver it on|arriving on|is free on|"
    r"warranty of your [a-z -]+ begins on|at your address on|To be delivered:|last try will be on|"
    r"not come on that day but on|on the lorry for|Dear \w+, the [a-z -]+ arrives on|Delivery of the [a-z -]+:) $"
)


def dates_in(text):
    """Each date as its start, day of the week, day, month and year, the day of the week and the year if written."""
    found = []
    for match in WRITTEN_DATE.finditer(text):
        month = [name[:3] for name in MONTHS].index((match["month"] or match["month2"])[:3]) + 1
        found.append((match.start(), match["weekday"], int(match["day"] or match["day2"]), month, match["year"]))
    return found


def test_the_delivery_date_is_the_one_behind_words_of_delivery():
    for text, answer in rows(2):
        dates = dates_in(text)
        year = next(year for *_, year in dates if year)
        parsed = [(start, date(int(own or year), month, day), weekday) for start, weekday, day, month, own in dates]
        assert len(parsed) >= 2
        assert all(weekday is None or DAYS[day.weekday()].startswith(weekday) for _, day, weekday in parsed), text
        told = [day for start, day, _ in parsed if DELIVERED.search(text[:start])]
        assert told == [date.fromisoformat(answer)], text
        assert [day for _, day, _ in parsed].count(told[0]) == 1


def test_a_year_left_out_is_that_of_the_date_of_sending():
    without = [text for text, _ in rows(2) if any(year is None for *_, year in dates_in(text))]
    assert len(without) >= 70
    assert all(dates_in(text)[0][-1] for text in without)


def test_polite_requests_are_questions_in_full_words():
    short = {"u", "ur", "ppl", "pls", "thx", "tmrw", "asap", "rn", "k", "b4", "2day", "2nite", "nxt", "wk", "wkend"}
    short |= {"mtg", "msg", "appt", "rm", "dept", "abt", "w", "&", "hrs", "mins", "aftn", "mth", "qtr", "bks", "lol"}
    for text, answer in rows(3):
        assert re.fullmatch(r"([A-ZÀ-Ý][\w-]+, c|C)ould you please [^?]+\?", answer)
        assert not set(re.findall(r"[\w&]+", answer.lower())) & short
        assert re.findall(r"\b\d+\b", answer) == re.findall(r"\b\d+\b", text)
        assert ", could" not in answer or answer.split(", could")[0].lower() in text


def test_orders_list_every_number_of_the_note_in_its_order():
    alternatives = "|".join(sorted(NUMBERS, key=len, reverse=True))
    for text, answer in rows(4):
        # House numbers and numbers of people are no orders.
        left = re.sub(r"\b\d+ [A-Z]\w+|\b\d+ (guests|people)\b", "-", text)
        at = 0
        for entry in answer.split("; "):
            number, item = re.fullmatch(r"(\d+) x (.+)", entry).groups()
            match = re.compile(rf"\b(\d+|{alternatives}) {re.escape(item[:3])}", re.IGNORECASE).search(left, at)
            said = match[1].lower()
            assert int(number) == (int(said) if said.isdigit() else NUMBERS[said]), (text, answer)
            assert int(number) > 1 or item in text
            at = match.end()
            left = left[: match.start()] + "-" * len(match[0]) + left[at:]
        assert not re.search(
            r"(?i)\d|\b(an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen)\b", left
        ), text


def test_analogies_have_their_form_and_ask_for_each_pair_once():
    asked = Counter()
    for text, answer in rows(5):
        one, other, word = re.fullmatch(r"([\w ]+) : ([\w ]+)\. ([\w ]+) : \?", text).groups()
        assert answer not in (one, other, word)
        asked[word, answer] += 1
    assert max(asked.values()) == 1


@pytest.mark.parametrize("mark", [" | ", "; ", "], ", " / ", "> ", '", "', ". "])
def test_notices_tell_day_time_price_and_people_of_the_facts(mark):
    chosen = [(text, answer) for text, answer in rows(6) if mark in text]
    assert len(chosen) >= 20
    for text, answer in chosen:
        event, host, place, town, day = re.fullmatch(
            r"Join us for an? (.+?)(?: with ([\w'-]+ [\w'-]+))? at (.+) in (\S+) on (\d+ [A-Z][a-z]+).*\.", answer
        ).groups()
        given = date.fromisoformat(re.search(r"\d{4}-\d\d-\d\d", text)[0])
        assert day == f"{given.day} {MONTHS[given.month - 1]}"
        assert event in text
        assert f"{place}, {town}" in text
        assert (host is not None) == bool(re.search(r"\b(host|led by|with)\b", text, re.IGNORECASE))
        assert host is None or host in text
        assert re.findall(r" at (\d\d:\d\d)\b", answer) == re.findall(r"\b\d\d:\d\d\b", text)
        assert answer.partition(";")[2] == price_in_words(text)


def price_in_words(facts):
    if price := re.search(r"\b(\d+) (EUR|GBP|USD)\b", facts):
        return f" tickets cost {price[1]} { {'EUR': 'euros', 'GBP': 'pounds', 'USD': 'dollars'}[price[2]] }."
    if re.search(r"\b(free|none|no charge)\b", facts):
        return " entry is free."
    return " donations are welcome." if "donation" in facts else ""


# A phrase that marks the story, and its answer from the story's numbers in the order in which they stand.
SUMS = {
    r"in the morning and": lambda a, b, c: a + b - c,
    r"At the first stop": lambda a, b, c: a - b + c,
    r"of change does": lambda a, b, note: note - a * b,
    r"seats are broken": lambda a, b, c: a * b - c,
    r"twice as many the next day": lambda a, b: a + a * 2 + b,
    r"A baker in": lambda a, b, c: a * b - c,
    r"years older": lambda a, b, c: a + b + c,
    r"bad ones away": lambda total, bad, bag: (total - bad) / bag,
    r"A ticket to": lambda a, b, c: a + a + b * c,
    r"fewer on the day after": lambda a, b: a + (a - b),
    r"buckets of": lambda a, b, c: a - b * c,
    r"share a restaurant bill": lambda n, bill, off: (bill - off) / n,
    r"five working days": lambda a, b: a * 5 + b,
    r"The adverts began": lambda film, adverts, gone: adverts - gone + film,
    r"For how many weeks": lambda a, total, gift: ceil((total - gift) / a),
    r"Each of \d+ helpers": lambda a, b, c, d: a * b - c * d,
    r"How many legs": lambda hens, cattle: hens * 2 + cattle * 4,
    r"cuts the price": lambda a, off, b: (a - off) * b,
    r"half as many as": lambda a, b: a + (a + b) + a / 2,
    r"The ferry to \w+ crosses": lambda a, b, c: a * b * c,
    r"By how many points": lambda a, b, c: a + b - c,
    r"How many cm are left": lambda a, pieces, each: a % each if a // each == pieces else None,
    r"from Monday to Thursday": lambda a, b, c: c * a * 4 + c * b,
    r"times as many joined": lambda a, b, c: a - b + b * c,
    r"levels with": lambda a, b, c: a * b - c,
    r"grams of flour": lambda cakes, each, sack: sack * 1000 - cakes * each,
    r"lengths of a pool": lambda a, b, c: a * b + c * b,
    r"jars of jam": lambda a, b, c, d: a * b + c * d,
    r"callers do not": lambda a, b: a * 5 - b,
    r"How many cycle": lambda a, b, c: a - (b + c),
    r"cents a minute": lambda a, b, c: a * b + a * c,
    r"On which floor": lambda a, b, c: a + b - c,
}


@pytest.mark.parametrize("mark", SUMS)
def test_sums_come_out_when_worked_again(mark):
    stories = [(text, answer) for text, answer in rows(7) if re.search(mark, text)]
    assert len(stories) >= 3
    for text, answer in stories:
        assert [other for other in SUMS if re.search(other, text)] == [mark]
        assert int(answer) == SUMS[mark](*numbers(text)), text


def test_every_story_has_a_sum_and_a_positive_answer():
    assert all(any(re.search(mark, text) for mark in SUMS) for text, _ in rows(7))
    assert all(answer.isdigit() and int(answer) > 0 for _, answer in rows(7))


PRONOUNS = {"it", "its", "she", "her", "he", "him", "his", "they", "them", "their"}


def test_full_questions_change_only_a_pronoun_into_a_name_of_the_context():
    pronouns = 0
    for text, answer in rows(8):
        context, asked = re.fullmatch(r"(?:Context: )?(.+?)(?: Follow-up: | - )([^?]+\?)", text).groups()
        if asked.startswith("And "):
            assert asked[4:-1].split()[-1] in answer
            assert set(re.findall(r"\w+", answer)) <= set(re.findall(r"\w+", text))
            assert context.startswith(answer.split()[0])
            continue
        pronouns += 1
        old, new = asked.split(), answer.split()
        head = next(at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other)
        tail = old[head + 1 :]
        assert old[head].strip("?") in PRONOUNS
        assert not PRONOUNS & set(old[:head])
        assert not tail or new[-len(tail) :] == tail
        name = " ".join(new[head : len(new) - len(tail)]).rstrip("?").removesuffix("'s").removesuffix("'")
        assert name.lower() in context.lower()
    assert pronouns >= 200


def numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def free_hours(notice):
    if from_hour := re.search(r"from the (\d+)\w\w hour on", notice):
        return int(from_hour[1]) - 1
    return int(re.search(r"first (?:(\d+) hours|hour)", notice)[1] or 1)


def parking(notice, hours):
    return int(re.search(r"(\d+) dollars", notice)[1]) * max(0, hours - free_hours(notice))


# What the notice is about, the claim, and whether it holds, from the notice's text and the claim's numbers.
CLAIMS = [
    ("Lift|lift", r"^(\d+) people may ride", lambda n, c: c <= numbers(n)[1]),
    ("Lift|lift", r"A group of (\d+) people", lambda n, c: c > numbers(n)[1]),
    ("Lift|lift", r"(\d+) kg is too heavy for the lift", lambda n, c: c > numbers(n)[2]),
    ("Lift|lift", r"lift can take .* weighs (\d+)", lambda n, c: c <= numbers(n)[2]),
    ("library", r"takes (\d+) books home", lambda n, c: c <= numbers(n)[0]),
    ("library", r"Taking out (\d+) books", lambda n, c: c > numbers(n)[0]),
    ("library", r"after (\d+) days, that is too late", lambda n, c: c > numbers(n)[1] * 7),
    ("library", r"may keep a book for (\d+) days", lambda n, c: c <= numbers(n)[1] * 7),
    ("dollars", r"there for (\d+) hours? costs nothing", lambda n, c: c <= free_hours(n)),
    ("dollars", r"there for (\d+) hours? has to pay", lambda n, c: c > free_hours(n)),
    ("dollars", r"parks for (\d+) hours? and has to pay (\d+)", lambda n, c, paid: paid == parking(n, c)),
    ("dollars", r"(\d+) dollars would be the wrong price for (\d+)", lambda n, paid, c: paid != parking(n, c)),
    ("course", r"If (\d+) people want to join, .* cancelled", lambda n, c: c < min(numbers(n))),
    ("course", r"With (\d+) people, there are enough", lambda n, c: c >= min(numbers(n))),
    ("course", r"When (\d+) people .* room for all", lambda n, c: c <= max(numbers(n))),
    ("course", r"Should (\d+) people .* not get a place", lambda n, c: c > max(numbers(n))),
]


@pytest.mark.parametrize(("about", "claimed", "holds"), CLAIMS)
def test_claims_about_numbers_hold_when_counted_again(about, claimed, holds):
    checked = 0
    for text, answer in rows(9):
        notice, claim = re.fullmatch(r"Notice: (.+) Claim: (.+)", text).groups()
        if (match := re.search(claimed, claim)) and re.search(about, notice):
            assert answer == ("yes" if holds(notice, *map(int, match.groups())) else "no"), text
            checked += 1
    assert checked >= 2


PART = "in the (?:morning|afternoon|evening)"
WHEN = re.compile(rf"({'|'.join(DAYS)}) at (\d+(?:[.:]\d\d)?(?: o'clock)?(?: [ap]\.?m\b| {PART})?)")
# What stands before the time that no longer holds.
OLD = re.compile(r"(held on|not|planned for|longer on|forget|instead of) $")
KINDS = {
    "Cancelled": r"not take place|call off|there is no|strike the|give up|is off|need not come",
    "Moved": r"on .* instead|new time|now takes place|therefore moved|will not start when|another date|change of plan",
    "Reminder": r"don't forget|Not long until|you signed up|still have|keep in mind|nudge|coming closer",
    "Invitation": r"love to see you|care to join|we are holding|Do come|warmly asked|one place left|come along",
}


def minutes(time):
    match = re.fullmatch(r"(\d+)(?:[.:](\d\d))?(?: o'clock)?(?: ([ap])\.?m| in the (\w+))?", time)
    hour, minute = int(match[1]), int(match[2] or 0)
    if match[3] or match[4]:
        hour = hour % 12 + (12 if match[3] == "p" or match[4] in ("afternoon", "evening") else 0)
    return hour * 60 + minute


@pytest.mark.parametrize("kind", KINDS)
def test_subject_lines_have_the_kind_topic_and_time_of_the_message(kind):
    of_kind = [(text, answer) for text, answer in rows(10) if answer.startswith(f"{kind}: ")]
    assert len(of_kind) >= 70
    for text, answer in of_kind:
        topic, day, time = re.fullmatch(rf"{kind}: (.+), ({'|'.join(DAYS)}) (.+ [ap]m)", answer).groups()
        assert topic in text
        assert [other for other, pattern in KINDS.items() if re.search(pattern, text)] == [kind], text
        when = [(m[1], minutes(m[2])) for m in WHEN.finditer(text) if not OLD.search(text[: m.start()])]
        assert when == [(day, minutes(time))], text
