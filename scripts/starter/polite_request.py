"""Task 3, rewriting: a terse note with abbreviations becomes one polite question."""

from __future__ import annotations

import random
from collections.abc import Iterator

from starter.build import Row, StarterTask
from starter.words import NAMES, Deck
from tuition.tasks.types import Example

# Requests: abbreviated, and in full if that differs (after the bar).
DEEDS = (
    "send me the draft contract",
    "book a table for 6 ppl|book a table for 6 people",
    "water the plants in the lobby",
    "fix the printer on the 2nd floor|fix the printer on the second floor",
    "share ur slides w/ the team|share your slides with the team",
    "call the plumber abt the leak|call the plumber about the leak",
    "move ur bike out of the hallway|move your bike out of the hallway",
    "return the projector to rm 14|return the projector to room 14",
    "check the figures in table 3",
    "pick up the cake & the candles|pick up the cake and the candles",
    "feed my cat",
    "sign the delivery note",
    "turn off the heating in the gym",
    "translate this msg into spanish|translate this message into Spanish",
    "cancel my dentist appt|cancel my dentist appointment",
    "print 20 copies of the menu",
    "tell the others abt the new rota|tell the others about the new rota",
    "clean the coffee machine",
    "reply to the client's msg|reply to the client's message",
    "give me the key to the storeroom",
    "update the address list",
    "order more paper towels",
    "walk the dog",
    "bring ur passport & 2 photos|bring your passport and 2 photos",
    "take the bins out",
    "swap shifts w/ me|swap shifts with me",
    "hand in ur time sheet|hand in your time sheet",
    "return my umbrella",
    "let me know how many ppl are coming|let me know how many people are coming",
    "send the invoice to the accounts dept|send the invoice to the accounts department",
    "put the ladder back in the shed",
    "proofread my cover letter",
    "set up the chairs for 40 ppl|set up the chairs for 40 people",
    "reset my voicemail pin|reset my voicemail PIN",
    "drop the parcel off at the post office",
    "show me how to use the scanner",
    "send me the minutes of the last mtg|send me the minutes of the last meeting",
    "remove ur stuff from the fridge|remove your stuff from the fridge",
    "pay ur share of the gas bill|pay your share of the gas bill",
    "find out who has the van keys",
    "lower the music",
    "add me to the mailing list",
    "pick the kids up from school",
    "back up the photos from the trip",
    "write the intro for the newsletter|write the introduction for the newsletter",
    "ask the landlord abt the boiler|ask the landlord about the boiler",
    "lend me ur drill|lend me your drill",
    "test the new login page",
    "make an appt w/ the vet|make an appointment with the vet",
    "fill in the travel form",
    "measure the window in the spare rm|measure the window in the spare room",
    "bring back the library bks|bring back the library books",
    "sort the receipts by month",
    "get 3 quotes for the new roof",
    "mow the lawn behind the garage",
    "confirm the booking w/ the hotel|confirm the booking with the hotel",
    "save me a seat near the exit",
    "replace the bulb in the stairwell",
    "upload ur homework|upload your homework",
    "collect the prizes from the sponsor",
    "unlock the side gate for the gardener",
    "tidy up the mtg rm|tidy up the meeting room",
    "forward me the vet's email|forward me the vet's e-mail",
    "change the bed sheets in rm 9|change the bed sheets in room 9",
    "download the sales data for the last qtr|download the sales data for the last quarter",
    "let the technician in",
)
WHENS = (
    "by fri|by Friday",
    "by mon|by Monday",
    "tmrw|tomorrow",
    "tmrw morning|tomorrow morning",
    "asap|as soon as possible",
    "b4 lunch|before lunch",
    "2day|today",
    "this aftn|this afternoon",
    "by the wkend|by the weekend",
    "on wed|on Wednesday",
    "on thurs|on Thursday",
    "b4 the mtg|before the meeting",
    "2nite|tonight",
    "nxt wk|next week",
    "in the next 10 mins|in the next 10 minutes",
    "within 2 hrs|within 2 hours",
    "b4 u leave|before you leave",
    "after ur break|after your break",
    "by the end of the mth|by the end of the month",
    "on sat|on Saturday",
    "rn|right now",
    "b4 the guests arrive|before the guests arrive",
)
FRAMES = (
    "{deed} {when}, thx",
    "need u to {deed} {when}!!",
    "yo can u {deed} {when}? cheers",
    "{deed} {when}, and i mean it",
    "gonna need u to {deed} {when} ok?",
    "u still have to {deed}. do it {when}",
    "come on, just {deed} {when} already",
    "i want u to {deed} {when}, k thx bye",
    "dont forget to {deed} {when}!!!",
    "it'd be gr8 if u could {deed} {when}",
    "make sure u {deed} {when}. seriously",
    "no excuses this time: {deed} {when}",
    "stop messing about and {deed} {when} lol",
    "hey how about u {deed} {when} for once",
    "how many times do i have to ask?? {deed} {when}",
    "u promised!! so {deed} {when}",
    "quick one - {deed} {when}. ta",
    "omg can somebody finally {deed} {when}",
    "{deed}, and do it {when} pls",
    "im not asking again. {deed} {when}",
)
NAMED = (
    "{name}!! {deed} {when}",
    "oi {name}, {deed} {when} will u",
    "{name} u forgot again... {deed} {when} pls",
    "hey {name} sup, {deed} {when} k?",
    "{name} - {deed} {when}. thx mate",
    "pls {name}, just {deed} {when}!",
    "yo {name}, think u can {deed} {when}?",
    "{name} im begging u, {deed} {when}",
)


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield notes; a third of them address somebody by name."""
    deeds, whens = Deck(rng, DEEDS), Deck(rng, WHENS)
    frames, named = Deck(rng, FRAMES), Deck(rng, NAMED)
    while True:
        short_deed, _, deed = deeds.draw().partition("|")
        short_when, _, when = whens.draw().partition("|")
        request = f"ould you please {deed or short_deed} {when}"
        if rng.random() < 0.35:
            name = rng.choice(NAMES)
            frame, lead = named.draw(), f"{name}, c"
        else:
            name, frame, lead = "", frames.draw(), "C"
        text = frame.format(deed=short_deed, when=short_when, name=name.lower())
        outputs = [f"{lead}{request}?"]
        if when == "as soon as possible":
            outputs.append(f"{lead}{request.replace(when, 'as soon as you can')}?")
        yield Row(text, tuple(outputs))


TASK = StarterTask(
    name="task003_starter_polite_request",
    category="Style Transfer",
    domain="Dialogue",
    reasoning="Social Norms",
    definition=(
        "Rewrite a gruff note as one polite question that begins with 'Could you please' and ends with a question "
        "mark. Keep what is asked for and when, in that order. Write every short form in full, such as 'tomorrow' for "
        "'tmrw' or 'with' for 'w/'. Leave out greetings, thanks and grumbling. If the note calls somebody by name, "
        "begin with the name and a comma."
    ),
    positive=(
        Example(
            "whats taking u so long?? post the flyers in the library by tues, thx",
            "Could you please post the flyers in the library by Tuesday?",
            "The grumbling and the thanks are gone, and tues is written in full.",
        ),
        Example(
            "hey petra u there? give the msg to ur mgr b4 noon",
            "Petra, could you please give the message to your manager before noon?",
            "The name comes first, and msg, ur, mgr and b4 are written in full.",
        ),
    ),
    negative=(
        Example(
            "lock the shed tmrw!!!",
            "Lock the shed tomorrow, please.",
            "This is an order; it should be the question 'Could you please lock the shed tomorrow?'",
        ),
        Example(
            "need u to ring the bank by fri, thx",
            "Could you please ring the bank?",
            "The time is lost: 'by Friday' must stay.",
        ),
    ),
    rows=rows,
)
