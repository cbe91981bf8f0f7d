"""What follow-up questions are about: things and people, statements about them, and possible questions."""

from __future__ import annotations

from dataclasses import dataclass

from starter.words import MEN, SURNAMES, WOMEN, phrases


@dataclass(frozen=True, slots=True)
class Subject:
    """A group of things or people: their names, statements about them, and follow-up questions.

    In a question `{s}` marks a subject pronoun, `{o}` an object pronoun, `{p}` a possessive; `pronouns` are in this
    order.
    """

    names: tuple[str, ...]
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    pronouns: tuple[str, str, str] = ("it", "it", "its")


_PERSON_QUESTIONS = (
    "Where did {s} grow up?",
    "What is {p} best-known work?",
    "Has {s} won any prizes?",
    "Who taught {o}?",
    "When was {s} born?",
    "Does {s} speak English?",
    "How can I write to {o}?",
    "What made {o} change {p} plans?",
    "Will {s} come to {city} this year?",
    "Who were {p} parents?",
)
_PERSON_STATEMENTS = (
    "{n} has just been named head of the {city} city orchestra.",
    "Last night the Harper Prize for young chemists went to {n}.",
    "{n} left a bank in {city} to become a chef.",
    "The bridge over the Tamsin river was designed by {n}.",
    "After ten years in {city}, {n} is coming back as the coach of the national team.",
    "Our guest on {day} is {n}, the writer of 'Salt and Cedar'.",
    "{n} has walked all the way from the coast to {city}.",
    "My niece wrote a school essay about {n}.",
    "The clinic in {city} was founded by {n}.",
    "On {day} the university of {city} gave {n} an honorary degree.",
)
_MALE = tuple(f"{name} {SURNAMES[index % len(SURNAMES)]}" for index, name in enumerate(MEN[:24]))
_FEMALE = tuple(f"{name} {SURNAMES[(index * 5 + 3) % len(SURNAMES)]}" for index, name in enumerate(WOMEN[:24]))

SUBJECTS = (
    Subject(
        phrases(
            "the Harbour Museum, the Museum of Salt, the Puppet Museum, the Lindqvist Gallery, the Weaving Mill, the "
            "House of Clocks, the Planetarium of {city}"
        ),
        (
            "{N} reopens in May after three years of building work.",
            "On our second day in {city} we went to {n}.",
            "A guided tour of {n} takes about an hour.",
            "{N} has bought two paintings by a student from {city}.",
            "It rained all {day}, so the children wanted to see {n} again.",
            "Last summer my aunt found work as a guide in {n}.",
            "Somebody tried to break into {n} during the night to {day}.",
        ),
        (
            "When was {s} founded?",
            "How do I get to {o} by tram?",
            "Is {s} open on {day}s?",
            "Does {s} have a café?",
            "What is {p} most famous room?",
            "Who runs {o}?",
            "How many people visit {o} every year?",
        ),
    ),
    Subject(
        phrases(
            "the Lumo 7, the Aster X2, the Kestrel watch, the Nimbus tablet, the Pico printer, the Orla speaker, the "
            "Tern e-reader"
        ),
        (
            "A customer in {city} asks about {n}, which came out last autumn.",
            "{N} is now sold in three colours.",
            "Our shop has put {n} on sale until {day}.",
            "I am thinking of giving {n} to my father.",
            "My colleague from {city} swears by {n}.",
            "A magazine tested ten devices, and {n} came out on top.",
            "On {day} I dropped {n} in a puddle.",
        ),
        (
            "How long does {p} battery last?",
            "Is {s} waterproof?",
            "What does {s} cost?",
            "Can I connect {o} to my car?",
            "Where is {s} made?",
            "How heavy is {s}?",
            "How do I reset {o}?",
        ),
    ),
    Subject(
        phrases(
            "the Lantern Festival of {city}, the Night of Choirs, the Kite Days, the Winter Book Fair, the Festival "
            "of Bread, the Short Film Week"
        ),
        (
            "{city} is getting ready for a busy week. {N} will begin on {day}.",
            "Thousands of people came to see {n} last year.",
            "My neighbour sings every year at {n}.",
            "The mayor of {city} opened {n} with a short speech.",
            "We had to leave {n} early on {day} because of the rain.",
            "Next year {n} might move to {city}.",
        ),
        (
            "Who started {o}?",
            "How can I get tickets for {o}?",
            "What is {p} programme this time?",
            "Who pays for {o}?",
            "How many visitors came to {o} last year?",
            "Where can I find {p} website?",
        ),
    ),
    Subject(
        phrases(
            "the Blue Fox Café, the Saffron Table, the Old Ferry Inn, Mama Adjoa's Kitchen, the Noodle Loft, the "
            "Green Olive"
        ),
        (
            "A friend from {city} recommends {n} for lunch.",
            "{N} got a very good review in the {day} paper.",
            "We are planning my grandmother's birthday at {n}.",
            "On {day} the whole office had lunch at {n}.",
            "A cook who used to work in {city} has taken over {n}.",
            "{N} is looking for waiters for the summer.",
        ),
        (
            "What time does {s} close on {day}s?",
            "Does {s} serve vegan food?",
            "Is there a car park near {o}?",
            "What is {p} phone number?",
            "Can I bring my dog to {o}?",
            "How many tables does {s} have?",
        ),
    ),
    Subject(
        phrases(
            "the night train to {city}, the ferry to Saint Olan, the cable car on Mount Ardo, the number 14 bus, the "
            "airport shuttle"
        ),
        (
            "Because of the storm, {n} was cancelled on {day}.",
            "The cheapest way to get there is {n}.",
            "From next month {n} will run twice a day.",
            "My suitcase was left behind on {n} last {day}.",
            "A reader from {city} complains that {n} is always late.",
            "Instead of flying, we are going to try {n}.",
        ),
        (
            "How long does {s} take?",
            "Can I take my bicycle on {o}?",
            "What does a ticket for {o} cost?",
            "When does {s} leave on {day}s?",
            "Does {s} have seats for wheelchair users?",
            "Who operates {o}?",
        ),
    ),
    Subject(
        phrases(
            "the River Tamsin, Lake Orrin, Mount Ardo, the Velden Forest, the island of Saint Olan, the Karu Desert"
        ),
        (
            "On {day} the school class from {city} will make a trip to {n}.",
            "A new path for walkers leads to {n}.",
            "Rare birds have been seen at {n} this spring.",
            "A film crew from {city} has spent three weeks at {n}.",
            "The painter's last work shows {n} at sunrise.",
            "There is a fire warning for {n} from {day} on.",
        ),
        (
            "Where does {p} name come from?",
            "How do I reach {o} from {city}?",
            "What animals live near {o}?",
            "Is {s} a protected area?",
            "Who first made a map of {o}?",
        ),
    ),
    Subject(_FEMALE, _PERSON_STATEMENTS, _PERSON_QUESTIONS, ("she", "her", "her")),
    Subject(_MALE, _PERSON_STATEMENTS, _PERSON_QUESTIONS, ("he", "him", "his")),
    Subject(
        phrases(
            "the Rusty Strings, the Desert Larks, the twins Ada and Zeno, the Brass Foxes, the Ferreira sisters, the "
            "Okapi Dancers"
        ),
        (
            "On {day} the town hall was full for {n}.",
            "My daughter has a poster of {n} above her bed.",
            "{N} have just come home from {city}.",
            "The radio station of {city} played {n} all evening.",
            "On {day} I sat next to {n} on the train.",
            "A film about {n} comes to the cinema in {city}.",
        ),
        (
            "Where did {s} first meet?",
            "When are {s} coming back?",
            "Who writes {p} music?",
            "Where can I buy a photo of {o}?",
            "How old are {s}?",
            "Are {s} on tour this summer?",
            "Who drives {p} van?",
        ),
        ("they", "them", "their"),
    ),
)
