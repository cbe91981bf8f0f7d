"""Task 10, title generation: the subject line of a short message about an appointment."""

from __future__ import annotations

import random
from collections.abc import Iterator

from starter.build import Row, StarterTask
from starter.words import DAYS, NAMES, Deck, an, capital, clock12, phrases
from tuition.tasks.types import Example

GATHERINGS = phrases(
    "budget review, fire drill, choir rehearsal, team lunch, parents' evening, sales meeting, chess evening, staff "
    "training day, board meeting, bird walk, book club meeting, blood drive, farewell party, project kick-off, yoga "
    "class, garden tour, press briefing, film night, safety workshop, tenants' meeting, wine tasting, football match, "
    "science fair, planning day, cooking class, neighbourhood barbecue, code review, school concert, strategy "
    "workshop, volunteer briefing, theatre trip, design review, charity auction, museum visit, poetry slam, bike tour"
)
# Events to which nobody invites others.
APPOINTMENTS = phrases(
    "dental check-up, piano lesson, house viewing, car inspection, job interview, swimming lesson, photo shoot, "
    "guitar lesson, vet appointment, eye test, flu vaccination, driving test, passport appointment, tax consultation"
)

# The subject line needs {topic} and {when}; {other} is an outdated or irrelevant time.
FRAMES: dict[str, tuple[str, ...]] = {
    "Invitation": (
        "Hi all, we would love to see you at the {topic} on {when}. Bring a friend if you like!",
        "Dear {name}, would you care to join us for the {topic}? It takes place on {when} in the usual room.",
        "On {when} we are holding {a_topic}, and everybody in the building is welcome. {name}",
        "{name} and I are planning {a_topic} for {when}. Do come, there will be tea and cake!",
        "You're warmly asked to the {topic} on {when}. Please say by {otherday} whether you can make it.",
        "Hello {name}, there is one place left at the {topic} on {when}. Would you like to have it?",
        "There is {a_topic} on {when}, {name}. Why don't you come along?",
    ),
    "Moved": (
        "Hi {name}, the {topic} cannot be held on {other}, so we will do it on {when} instead.",
        "Please note that the {topic} has a new time: {when}, not {other}. Sorry for the trouble.",
        "Because somebody made a mistake, the {topic} planned for {other} now takes place on {when}.",
        "Dear all, {name} is travelling on {otherday}. We have therefore moved the {topic} to {when}.",
        "The {topic} will not start when we said: it is on {when}, and no longer on {other}.",
        "{name} asked for another date. So forget {other}; the {topic} is on {when}.",
        "A change of plan: instead of {other}, we meet for the {topic} on {when}. {name}",
    ),
    "Cancelled": (
        "Dear all, the {topic} on {when} will not take place, as {name} is ill. We are sorry.",
        "Hi {name}, I have to call off the {topic} on {when}. Too few people signed up.",
        "Bad news: there is no {topic} on {when} after all, because the heating has broken down.",
        "{name}, please strike the {topic} on {when} from your diary. It has been dropped for good.",
        "Owing to the storm warning of {otherday}, we must give up the {topic} that we had set for {when}.",
        "The {topic} on {when} is off. Whoever paid before {otherday} gets the money back. {name}",
        "You need not come to the {topic} on {when}: we cannot hold it without {name}.",
    ),
    "Reminder": (
        "Hi {name}, just so that you don't forget: the {topic} is on {when}, as agreed.",
        "Not long until the {topic} now! It begins on {when}, and {name} will be there too.",
        "Dear {name}, you signed up for the {topic} on {when}. See you there, and bring a pen.",
        "Do you still have the {topic} in mind? As announced last {otherday}, it is on {when}.",
        "{name}, keep in mind that you promised to come to the {topic} on {when}. Nothing has changed.",
        "We wrote to you on {otherday} about the {topic} on {when}. This is a nudge for those who forget things.",
        "The {topic} on {when} is coming closer. All stays as planned, so please be on time, {name}.",
    ),
}


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield messages, each kind in turn."""
    frames = {kind: Deck(rng, FRAMES[kind]) for kind in FRAMES}
    gatherings, all_topics = Deck(rng, GATHERINGS), Deck(rng, GATHERINGS + APPOINTMENTS)
    while True:
        for kind, deck in frames.items():
            topic = (gatherings if kind == "Invitation" else all_topics).draw()
            (day, other_day, third_day), style = rng.sample(DAYS, 3), rng.randrange(4)
            hour, minute = _time(rng)
            other_hour, other_minute = _time(rng)
            text = deck.draw().format(
                topic=topic,
                a_topic=an(topic),
                name=rng.choice(NAMES),
                when=f"{day} at {_formatted_time(hour, minute, style)}",
                other=f"{other_day} at {_formatted_time(other_hour, other_minute, style)}",
                otherday=third_day,
            )
            # A sentence that ends in "p.m." takes no second full stop.
            yield Row(capital(text).replace(".m..", ".m."), (f"{kind}: {topic}, {day} {clock12(hour, minute)}",))


def _time(rng: random.Random) -> tuple[int, int]:
    return rng.randint(8, 20), rng.choice([0, 0, 15, 30, 30, 45])


def _formatted_time(hour: int, minute: int, style: int) -> str:
    """Return a time of day in one of the messages' formats: "15:30", "3.30 p.m.", "3:30 pm" or in words."""
    if style == 0:
        return f"{hour:02d}:{minute:02d}"
    if style == 1:
        return f"{hour % 12 or 12}.{minute:02d} {'a.m' if hour < 12 else 'p.m'}."
    if style == 2:
        return clock12(hour, minute)
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    shown = clock12(hour, minute).split()[0]
    return f"{shown} {part}" if minute else f"{shown} o'clock {part}"


TASK = StarterTask(
    name="task010_starter_subject_line",
    category="Title Generation",
    domain="Dialogue",
    reasoning="Summarization",
    definition=(
        "Write the subject line of a message about an appointment. Begin with one of the words Invitation, Moved, "
        "Cancelled or Reminder and a colon. Then name the appointment as the message does, without an article, and "
        "behind a comma the day and time, such as 'Friday 3 pm' or 'Friday 9:30 am'. If it was moved, give the new "
        "time only."
    ),
    positive=(
        Example(
            "Hi Petra, sadly the tango class cannot be held on Monday at 18:00. Let's do it on Friday at 18:30.",
            "Moved: tango class, Friday 6:30 pm",
            "The class has a new day and time, and only these are told.",
        ),
        Example(
            "You must come to our kite day, Ravi! We begin on Sunday at 10.00 a.m. and there is cake for all.",
            "Invitation: kite day, Sunday 10 am",
            "Ravi is asked to come, so it is an invitation.",
        ),
    ),
    negative=(
        Example(
            "The lantern walk on Saturday at 19:00 is off, as rain is forecast.",
            "Lantern walk on Saturday",
            "The line must say what happened and when: Cancelled: lantern walk, Saturday 7 pm.",
        ),
    ),
    rows=rows,
)
