"""Task 8, question rewriting: a follow-up question is rewritten to be understood without its context."""

from __future__ import annotations

import random
from collections.abc import Iterator

from starter.build import Row, StarterTask
from starter.question_subjects import SUBJECTS, Subject
from starter.words import CITIES, DAYS, MEN, SURNAMES, WOMEN, Deck
from tuition.tasks.types import Example

# A first question, its answer, an elliptical follow-up question, and its full form.
SHORT = (
    (
        "When does the {place} open on {day}s?",
        "At {hour} o'clock.",
        "And on {day2}s?",
        "When does the {place} open on {day2}s?",
    ),
    (
        "How much is a {ticket} ticket to {city}?",
        "{price} euros.",
        "And to {city2}?",
        "How much is a {ticket} ticket to {city2}?",
    ),
    (
        "Do you have the {garment} in {colour}?",
        "Yes, but only two are left.",
        "And in {colour2}?",
        "Do you have the {garment} in {colour2}?",
    ),
    (
        "Who teaches {subject} at the evening school?",
        "{teacher} does.",
        "And {subject2}?",
        "Who teaches {subject2} at the evening school?",
    ),
    (
        "What is the weather like in {city} on {day}?",
        "Warm and dry.",
        "And in {city2}?",
        "What is the weather like in {city2} on {day}?",
    ),
    (
        "How do you say '{word}' in {language}?",
        "Let me look it up.",
        "And in {language2}?",
        "How do you say '{word}' in {language2}?",
    ),
    (
        "Can I pay at the {place} by card?",
        "No, not yet.",
        "And with my phone?",
        "Can I pay at the {place} with my phone?",
    ),
    (
        "How long does it take to cook {food}?",
        "About {price} minutes.",
        "And {food2}?",
        "How long does it take to cook {food2}?",
    ),
)
_WORDS: dict[str, tuple[str, ...]] = {
    "place": ("library", "swimming pool", "post office", "town hall", "pharmacy", "tool shop", "sports centre"),
    "ticket": ("bus", "train", "ferry", "return", "student", "first-class"),
    "garment": ("raincoat", "wool scarf", "linen shirt", "cycling helmet", "bath towel", "baby blanket"),
    "colour": ("green", "blue", "red", "yellow", "black", "white", "orange", "purple"),
    "subject": ("Spanish", "pottery", "bookkeeping", "first aid", "guitar", "chess", "drawing", "Arabic"),
    "language": ("Swahili", "Turkish", "Hindi", "Polish", "Korean", "Portuguese", "Finnish", "Vietnamese"),
    "word": ("thank you", "good night", "library", "umbrella", "how are you", "bread", "my friend"),
    "food": ("brown rice", "lentils", "a soft egg", "beetroot", "chickpeas", "a whole pumpkin", "sweet potatoes"),
}
LEADS = ("Context: {statement} Follow-up: {question}", "{statement} Follow-up: {question}", "{statement} - {question}")


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield follow-up questions: three in four have a pronoun, the others are elliptical."""
    subjects, short, leads = Deck(rng, SUBJECTS), Deck(rng, SHORT), Deck(rng, LEADS)
    names = {subject: Deck(rng, subject.names) for subject in SUBJECTS}
    questions = {subject: Deck(rng, subject.questions) for subject in SUBJECTS}
    while True:
        if rng.random() < 0.25:
            statement, question, full = _short(rng, short.draw())
        else:
            subject = subjects.draw()
            statement, question, full = _pronoun(rng, subject, names[subject].draw(), questions[subject].draw())
        yield Row(leads.draw().format(statement=statement, question=question), (full,))


def _pronoun(rng: random.Random, subject: Subject, name: str, question: str) -> tuple[str, str, str]:
    city, day = rng.choice(CITIES), rng.choice(DAYS)
    name = name.format(city=city)
    statement = rng.choice(subject.statements).format(n=name, N=name[0].upper() + name[1:], city=city, day=day)
    question = question.replace("{city}", rng.choice(CITIES)).replace("{day}", day)
    s, o, p = subject.pronouns
    owner = f"{name}'" if name.endswith("s") else f"{name}'s"
    # Only the first pronoun is replaced by the name; "What made Omar change his plans?" keeps its second.
    first = min((mark for mark in ("{s}", "{o}", "{p}") if mark in question), key=question.index)
    full = question.replace(first, {"{s}": name, "{o}": name, "{p}": owner}[first], 1)
    return statement, question.format(s=s, o=o, p=p), full.format(s=s, o=o, p=p)


def _short(rng: random.Random, frame: tuple[str, str, str, str]) -> tuple[str, str, str]:
    slots = {key: rng.sample(choices, 2) for key, choices in {**_WORDS, "day": DAYS, "city": CITIES}.items()}
    flat = {key: pair[0] for key, pair in slots.items()} | {f"{key}2": pair[1] for key, pair in slots.items()}
    flat |= {
        "hour": rng.choice(["eight", "nine", "ten", "eleven"]),
        "price": str(rng.randint(12, 48)),
        "teacher": f"{rng.choice(WOMEN + MEN)} {rng.choice(SURNAMES)}",
    }
    first, answer, question, full = (part.format(**flat) for part in frame)
    return f"{first} {answer}", question, full


TASK = StarterTask(
    name="task008_starter_full_question",
    category="Question Rewriting",
    domain="Dialogue",
    reasoning="Coreference Resolution",
    definition=(
        "The input ends in a follow-up question that can only be understood from what was said before it. Rewrite this "
        "question so that it stands by itself: put the full name from the context in place of the first pronoun, or "
        "fill in the words that were left out. Change nothing else, and do not answer the question."
    ),
    positive=(
        Example(
            "Context: Petra Lund plays the harp in our church on Sunday. Follow-up: When did she start to play?",
            "When did Petra Lund start to play?",
            "The pronoun 'she' gives way to the full name.",
        ),
        Example(
            "How far is it from Rome to Pisa? About 350 km. Follow-up: And to Bari?",
            "How far is it from Rome to Bari?",
            "The short question is filled up from the first one.",
        ),
    ),
    negative=(
        Example(
            "Context: The Stone Tower has 210 steps. Follow-up: Who built it?",
            "The Stone Tower was built by monks.",
            "The question must be rewritten, not answered: Who built the Stone Tower?",
        ),
    ),
    rows=rows,
)
