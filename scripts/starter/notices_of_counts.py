"""Notices about an amount (ages, prices, weights, places), with claims about them."""

from __future__ import annotations

import random
from collections.abc import Callable

from starter.words import CITIES, DAYS, NAMES, STREETS, near, ordinal

# A notice with claims about it, each with whether it is true.
Notice = tuple[str, list[tuple[str, bool]]]


def _loans(rng: random.Random) -> Notice:
    books, weeks = rng.randint(4, 9), rng.randint(2, 5)
    many = near(rng, books, 2)
    days = near(rng, weeks * 7, 5)
    name, city = rng.choice(NAMES), rng.choice(CITIES)
    notice = rng.choice(
        [
            f"Members of {city} library may borrow up to {books} books at a time, for {weeks} weeks.",
            f"{city} library: at most {books} books per member. All books must be back within {weeks} weeks.",
            f"Nobody may have more than {books} books from {city} library at once, and each is due back {weeks} weeks "
            "later.",
        ]
    )
    return notice, [
        (f"A member who takes {many} books home in one go keeps to the rules.", many <= books),
        (f"Taking out {many} books at the same time is not allowed.", many > books),
        (f"If {name} brings a book back after {days} days, that is too late.", days > weeks * 7),
        (f"{name} may keep a book for {days} days.", days < weeks * 7),
    ]


def _ride(rng: random.Random) -> Notice:
    ride = rng.choice(
        ["roller coaster", "go-kart track", "zip line", "water slide", "trampoline hall", "climbing wall"]
    )
    alone, never = rng.randint(11, 15), rng.randint(5, 8)
    age = rng.choice([never - 1, never + 1, alone - 1, alone - 2, alone + 1, alone])
    name, adult = rng.sample(NAMES, 2)
    notice = rng.choice(
        [
            f"{ride.capitalize()}: no children under {never}. Those under {alone} need an adult with them.",
            f"You must be {never} or older to use the {ride}, and with an adult if you are not yet {alone}.",
            f"Who may use the {ride}? Anyone from {alone} on; from {never} to {alone - 1} with an adult; nobody "
            "younger.",
        ]
    )
    return notice, [
        (f"{name}, who is {age}, may use the {ride} without an adult.", age >= alone),
        (f"With {adult}, a grown-up, {age}-year-old {name} can go on the {ride}.", age >= never),
        (f"{name} is {age} and comes alone, so the staff must say no.", age < alone),
        (f"At {age}, {name} is too young for the {ride}, even with an adult.", age < never),
    ]


def _tickets(rng: random.Random) -> Notice:
    adult, child, free = rng.randint(9, 18), rng.randint(3, 7), rng.randint(4, 6)
    place = rng.choice(["zoo", "castle", "science museum", "boat museum", "butterfly house", "aquarium"])
    kids = rng.randint(1, 3)
    total = 2 * adult + kids * child
    said = rng.choice([total, total, total + child, total - child, total + 2])
    age = rng.choice([free - 1, free - 2, free + 1, free + 3])
    pay = "children" if kids > 1 else "child"
    notice = rng.choice(
        [
            f"Tickets for the {place}: adults {adult} euros, children {child} euros, under {free} years free.",
            f"The {place} costs {adult} euros for adults and {child} for children. Those under {free} pay nothing.",
            f"Welcome to the {place}. Grown-ups: {adult} euros. Children: {child} euros, or nothing if they are not "
            "yet "
            f"{free}.",
        ]
    )
    return notice, [
        (f"Two adults and {kids} {pay} of nine pay {said} euros in all.", said == total),
        (f"For two grown-ups with {kids} {pay} of ten, {said} euros is not the right sum.", said != total),
        (f"A child of {age} gets into the {place} without paying.", age < free),
        (f"Somebody has to buy a ticket for a child of {age}.", age >= free),
    ]


def _parking(rng: random.Random) -> Notice:
    free, price = rng.randint(1, 3), rng.randint(2, 5)
    hours = rng.choice([free, free + 1, free + 2, free + 3])
    cost = max(hours - free, 0) * price
    said = rng.choice([cost, cost, cost + price, hours * price])
    street, name = rng.choice(STREETS), rng.choice(NAMES)
    first = "hour is" if free == 1 else f"{free} hours are"
    parked = f"{hours} hour{'s' if hours > 1 else ''}"
    notice = rng.choice(
        [
            f"Car park {street}: the first {first} free. After that, each hour costs {price} dollars.",
            f"{street} garage. {price} dollars an hour, but the first {first} free of charge.",
            f"Parking in {street} costs {price} dollars an hour from the {ordinal(free + 1)} hour on; what comes "
            "before is "
            "free.",
        ]
    )
    return notice, [
        (f"{name} parks for {parked} and has to pay {said} dollars.", said == cost),
        (f"Parking there for {parked} costs nothing.", cost == 0),
        (f"Whoever leaves a car there for {parked} has to pay something.", cost > 0),
        (f"{said} dollars would be the wrong price for {parked}.", said != cost),
    ]


def _luggage(rng: random.Random) -> Notice:
    kilos, fee = rng.choice([8, 10, 12, 15, 20, 23]), rng.randint(15, 45)
    weight = near(rng, kilos, 4)
    name, city = rng.choice(NAMES), rng.choice(CITIES)
    bags = rng.randint(2, 3)
    said = rng.choice([fee * (bags - 1), fee * bags])
    word = ("zero", "one", "two", "three")[bags]
    notice = rng.choice(
        [
            f"On the coach to {city}, one bag of up to {kilos} kg is free. Each further bag costs {fee} euros.",
            f"Coach to {city}: every passenger may bring one bag (at most {kilos} kg) for free; {fee} euros for each "
            "extra bag.",
            f"What may I take to {city}? The fare includes a bag of {kilos} kg at most. For every bag more, pay the "
            "driver "
            f"{fee} euros.",
        ]
    )
    return notice, [
        (f"{name} has a single bag of {weight} kg and need not pay for it.", weight < kilos),
        (f"A bag of {weight} kg is too heavy to travel for free.", weight > kilos),
        (f"With {word} light bags, {name} pays {said} euros for luggage.", said == fee * (bags - 1)),
        (f"{said} euros is more than {name} must pay for {word} light bags.", said != fee * (bags - 1)),
    ]


def _course(rng: random.Random) -> Notice:
    least, most = rng.randint(4, 8), rng.randint(12, 20)
    course = rng.choice(["sailing", "Arabic", "pottery", "first-aid", "guitar", "bookbinding", "salsa"])
    people = rng.choice([least - 2, least - 1, least + 2, most - 1, most + 1, most + 3])
    runs, fits = people >= least, people <= most
    day = rng.choice(DAYS)
    notice = rng.choice(
        [
            f"The {course} course on {day}s has {most} places. It is cancelled if fewer than {least} people sign up.",
            f"{course.capitalize()} course, {day} evenings: at least {least} and at most {most} people.",
            f"We can teach {most} people at most in our {course} course, and we do not start it with fewer than "
            f"{least}.",
        ]
    )
    return notice, [
        (f"If {people} people want to join, the {course} course will be cancelled.", not runs),
        (f"With {people} people, there are enough for the {course} course to take place.", runs),
        (f"When {people} people put their names down, there is room for all of them.", fits),
        (f"Should {people} people want to come, somebody will not get a place.", not fits),
    ]


def _warranty(rng: random.Random) -> Notice:
    thing = rng.choice(["kettle", "electric bike", "lawn mower", "camera", "dishwasher", "laptop", "heater"])
    years = rng.randint(2, 5)
    months = near(rng, years * 12, 8)
    name = rng.choice(NAMES)
    cause, by_itself = rng.choice(
        [
            ("the switch stops working", True),
            ("its motor gives up", True),
            ("it does not start any more", True),
            ("somebody drops it", False),
            ("it falls into a pond", False),
            ("rain gets into it", False),
        ]
    )
    covered = months < years * 12
    notice = rng.choice(
        [
            f"We repair your {thing} free of charge for {years} years after purchase, but not if it was dropped or got "
            "wet.",
            f"The {thing} has a warranty of {years} years. Damage from falls or water is not covered.",
            f"Should the {thing} fail within {years} years, we mend it for nothing, unless a fall or water did the "
            "harm.",
        ]
    )
    return notice, [
        (f"{name}'s {thing} just stopped after {months} months, so the repair is free.", covered),
        (f"For a motor that fails {months} months after purchase, {name} must pay.", not covered),
        (f"A week after {name} bought the {thing}, {cause}; the repair costs nothing.", by_itself),
        (f"If {cause} during the first month, {name} has to pay.", not by_itself),
    ]


def _discount(rng: random.Random) -> Notice:
    age, price = rng.choice([60, 62, 65]), rng.choice([8, 10, 12, 14, 16, 18, 20])
    day = rng.choice(DAYS[:5])
    other = rng.choice([one for one in DAYS if one != day])
    old = age + rng.randint(1, 15)
    name = rng.choice(NAMES)
    when, half = rng.choice([(day, True), (other, False), (day, True), (other, False)])
    said = rng.choice([price, price // 2])
    due = price // 2 if half else price
    place = rng.choice(["cinema", "sauna", "theatre", "thermal bath", "puppet theatre", "concert hall"])
    notice = rng.choice(
        [
            f"A ticket for the {place} costs {price} pounds. On {day}s, people over {age} pay half.",
            f"{place.capitalize()}: {price} pounds. Every {day}, guests older than {age} get in at half price.",
            f"We charge {price} pounds for the {place}, but only half of that from those over {age} who come on a "
            f"{day}.",
        ]
    )
    return notice, [
        (f"{name}, who is {old}, pays {said} pounds on a {when}.", said == due),
        (f"On a {when}, a guest of {old} has to pay the full price.", not half),
        (f"A guest of {old} saves money by coming on a {when}.", half),
        (f"{said} pounds is not what {old}-year-old {name} pays on a {when}.", said != due),
    ]


def _lift(rng: random.Random) -> Notice:
    people, kilos = rng.randint(4, 9), rng.choice([450, 500, 600, 750])
    many = near(rng, people, 2)
    load = near(rng, kilos // 10, 9) * 10
    where = f"{rng.randint(2, 98)} {rng.choice(STREETS)}"
    thing = rng.choice(["a piano", "a crate of books", "a stone table", "a copper boiler", "a safe"])
    notice = rng.choice(
        [
            f"Lift at {where}: at most {people} people or {kilos} kg. Do not use it in case of fire.",
            f"This lift at {where} carries up to {people} people or {kilos} kg. If there is a fire, take the stairs.",
            f"{where}. Lift load: {people} persons, {kilos} kg. Whatever goes beyond that must use the stairs.",
        ]
    )
    return notice, [
        (f"{many} people may ride in the lift together.", many <= people),
        (f"A group of {many} people is too large for one ride.", many > people),
        (f"{thing.capitalize()} of {load} kg is too heavy for the lift.", load > kilos),
        (f"The lift can take {thing} that weighs {load} kg.", load < kilos),
    ]


COUNTS: tuple[Callable[[random.Random], Notice], ...] = (
    _loans,
    _ride,
    _tickets,
    _parking,
    _luggage,
    _course,
    _warranty,
    _discount,
    _lift,
)
