"""Task 1, classification: which team of a shop should answer a customer's message."""

from __future__ import annotations

import random
from collections.abc import Iterator

from starter.build import Row, StarterTask
from starter.words import CITIES, DAYS, NAMES, STREETS, SURNAMES, Deck, an, capital, phrases
from tuition.tasks.types import Example

TEAMS = ("billing", "delivery", "returns", "account", "technical")

DEVICES = phrases(
    "headset, tablet, e-reader, smart watch, speaker, robot vacuum, baby monitor, dash cam, drone, keyboard, webcam, "
    "router, printer, projector, thermostat, doorbell camera, fitness band, game controller, coffee machine, bread "
    "maker, scanner, digital radio, kitchen scale, air purifier, electric piano, sewing machine, security camera, "
    "dehumidifier"
)
GOODS = phrases(
    "winter coat, rain jacket, bookshelf, office chair, desk lamp, yoga mat, rucksack, frying pan, duvet cover, "
    "picture frame, pair of boots, wool scarf, garden bench, tea set, suitcase, tent, bath rug, mirror, cot, bicycle "
    "helmet, chess set, hammock, leather belt, linen shirt, evening dress, toy kitchen, side table, sleeping bag, "
    "umbrella, sports bag, flower pot"
)

FRAMES: dict[str, tuple[str, ...]] = {
    "billing": (
        "I was charged twice: {amount} on {day} and the same sum again on {day2}. Yet I ordered just one {item}.",
        "My bank statement shows {amount} for the {item}, but your site said {less}. Please put that right.",
        "Could you send me an invoice made out to my company for the {item}? Our bookkeeper keeps asking.",
        "The voucher {code} was not taken off when I bought the {item}.",
        "The checkout has declined my card three times, although the bank says all is fine. How else can I pay?",
        "Please add our VAT number to the receipt of order {order}.",
        "You promised to give me back {amount} for the mix-up with the {item}, and I have not seen a cent yet.",
        "Besides the {item}, there is a service fee of {amount} on my bill that nobody mentioned beforehand.",
        "Would it be possible to pay the price of the {item} in three instalments?",
        "The invoice for order {order} lists the {item} twice, though I bought only one.",
        "Why did the price of the {item} go up by {gap} between the basket and the receipt?",
        "A monthly sum of {amount} goes from my bank to your shop, and I never agreed to that.",
        "I lost the receipt that came with the {item} and need a copy, since my employer pays half of it.",
        "The gift card covered only {less} of the {item}, although it was worth {amount}.",
        "My student discount of {pct} per cent is missing from the total on the {item}.",
        "I sent you {amount} by bank transfer for order {order}, but your reminder says nothing was paid.",
    ),
    "delivery": (
        "The tracking page has said 'in transit' for {n} days, and there is still no {item} here.",
        "Your courier claims that he left the {item} with a neighbour, but I have rung every bell in the house.",
        "Can the {item} be brought on {day} instead? Nobody is at home before then.",
        "Where is order {order}? It was meant to reach me last {day}.",
        "The driver rang at the wrong door and took the {item} away again. When will he try once more?",
        "Only one of the two boxes has come; the one with the {item} is missing.",
        "Please have the driver bring the {item} to {street}, since our office is closed that week.",
        "Your e-mail says the {item} was handed over on {day}, yet there is nothing at my door.",
        "Do you ship {items} to {city}, and how long would that take?",
        "Could the {item} be left at a pick-up point in {city} rather than at my house?",
        "Customs in {city} have held the {item} for {n} days. Can you send them the missing papers?",
        "The {item} is a birthday present for {day}. Will it be here in time?",
        "The courier does not know the tracking number {code} that you gave me.",
        "We are away until {day}. Please keep the {item} in your warehouse until then.",
        "How much longer must I wait for the {item}? It left your warehouse {n} days ago.",
        "Your driver wants a signature for the {item}, but I work all day. May he leave it in the garage?",
    ),
    "returns": (
        "The {item} is smaller than I expected. How do I send it back?",
        "I would like to swap the {item} for one in {colour}.",
        "The post office cannot scan the label that I should stick on the box with the {item}. May I have a new one?",
        "You packed {an_other} instead of the {item} I chose, and I would like to exchange it for the right thing.",
        "The {item} has a deep scratch on one side, so I want another one in its place.",
        "My {relative} already owns the same {item}. Will you take it back without the original box?",
        "How many days do I have to give the {item} back? I opened the box {n} days ago.",
        "I no longer want the {item}. Please arrange for someone to collect it from {street}.",
        "Who pays the postage if I mail the {item} back to you?",
        "The {item} was a present and is not to my taste. May I choose something else in exchange?",
        "I would rather have the bigger model. Where do I hand in the {item} that I have?",
        "The colour of the {item} looks nothing like the photo, and I do not wish to keep it.",
        "On the form in the box I ticked the wrong reason for sending the {item} back. Does that matter?",
        "Can I hand the {item} in at your shop in {city}, as I changed my mind about it?",
        "Is it too late to exchange the {item} that I bought {n} weeks ago? It is unused.",
        "I posted the {item} back to you on {day}. Has your warehouse got it yet?",
    ),
    "account": (
        "The link for a new password expires before I can click on it.",
        "I can't log in any more: your page says that my e-mail address is unknown.",
        "Please change the e-mail address in my profile to {mail}@example.org.",
        "Kindly delete my profile and all personal data that you hold about me.",
        "The text message with the log-in code still goes to my old phone number.",
        "My surname is now {surname}. How do I correct it in my profile?",
        "Someone in {city} seems to have logged in under my name on {day}. Please lock my profile.",
        "I have two profiles with you by mistake, one under {mail}@example.org. Could you merge them?",
        "You locked me out for an hour after three wrong passwords, and I still cannot get in.",
        "My date of birth is wrong in my profile, and the field cannot be edited.",
        "Can my {relative} be added as a second user, with a password of {own}?",
        "I would like to turn on two-step log-in, but I only have a landline. What can I do?",
        "Please remove {street} from the saved addresses in my profile; I moved away {n} months ago.",
        "I registered on {day}, but the e-mail to confirm my registration never came.",
        "I signed up as a private customer, but I need a profile for my business.",
        "My user name still shows the name of my {relative}. Where do I change it?",
    ),
    "technical": (
        "The {device} turns itself off after {n} minutes of use.",
        "For days I have tried to connect the {device} to the wi-fi, but it never shows up in the list.",
        "Ever since {day}'s software update, the {device} freezes on the start screen for minutes on end.",
        "Your app closes as soon as I open the page of the {device}.",
        "My {device} shows error {code} and will not start.",
        "The light on the {device} blinks {colour}, and no button does anything.",
        "Your website stays blank in my browser whenever I search for {an_item}.",
        "The {device} is stuck at {pct} per cent of its set-up. What should I press?",
        "How do I set the {device} back to its factory settings? The manual does not say.",
        "The {device} no longer pairs with my phone since I got a new one.",
        "There is a loud hum from the {device} as soon as I plug it in. Is there a setting for that?",
        "Which cable does the {device} need so that my computer can see it?",
        "The {device} stopped in the middle of loading new software, and now nothing happens.",
        "The menu of my {device} is in {language}. How do I switch it to English?",
        "On my phone the pictures in your shop do not load, not even the one of the {item}.",
        "The {device} loses its connection every {n} minutes, in whatever room I put it.",
    ),
}

# Positive remarks about another team's topics, so that no single word identifies the team.
ASIDES: dict[str, tuple[str, ...]] = {
    "billing": (
        "The {amount} went through without trouble.",
        "I have already paid the invoice.",
        "I paid {amount} by card on {day}.",
        "The price was fair, by the way.",
        "I still have the receipt.",
    ),
    "delivery": (
        "The last parcel came a day early, thank you.",
        "Your driver was very friendly last time.",
        "Order {order} arrived on {day}, well packed.",
        "I have no complaint about the courier.",
        "The tracking link worked well last week.",
    ),
    "returns": (
        "I do not want to send anything back.",
        "Swapping {an_other} with you last year was easy.",
        "I once returned {an_other} without any trouble.",
        "An exchange is not what I am after.",
    ),
    "account": (
        "I can log in as usual.",
        "My profile is up to date.",
        "I am writing from the e-mail address in my profile.",
        "My password and log-in are fine.",
    ),
    "technical": (
        "The app itself works well.",
        "Your new website is much faster, I noticed.",
        "Your app runs smoothly on my phone.",
        "The {device} I bought last spring still runs perfectly.",
    ),
}
PLAIN = (
    "I have been a customer for {n} years.",
    "I live in {city}.",
    "This is the first time that I write to you.",
    "I wrote about this on {day} as well.",
    "",
    "",
)
OPENINGS = ("Hello!", "Hi there!", "Good morning.", "Dear team:", "Good evening.", "Hi!", "", "", "")
CLOSINGS = (
    "Thanks, {name}",
    "Best regards, {name} {surname}",
    "{name}",
    "Kind regards, {name}",
    "Thank you!",
    "Please reply soon.",
    "",
    "",
)

_LANGUAGES = phrases("German,Korean,Polish,French,Turkish,Portuguese,Dutch,Spanish")
_COLOURS = phrases("red,green,blue,orange,white,purple,yellow")
_RELATIVES = (("sister", "her"), ("brother", "his"), ("mother", "her"), ("father", "his"), ("aunt", "her"))


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield messages, each team in turn; half of them contain a remark about another team's topics."""
    frames = {team: Deck(rng, FRAMES[team]) for team in TEAMS}
    openings, closings, plain = Deck(rng, OPENINGS), Deck(rng, CLOSINGS), Deck(rng, PLAIN)
    while True:
        for team in TEAMS:
            other = rng.choice([one for one in TEAMS if one != team])
            aside = rng.choice(ASIDES[other]) if rng.random() < 0.6 else plain.draw()
            middle = [frames[team].draw(), aside]
            if rng.random() < 0.4:
                middle.reverse()
            text = " ".join(part for part in (openings.draw(), *middle, closings.draw()) if part)
            yield Row(capital(text.format(**_slots(rng))), (team,))


def _slots(rng: random.Random) -> dict[str, str]:
    item, other = rng.sample(GOODS, 2)
    device = rng.choice(DEVICES)
    if rng.random() < 0.4:
        item = rng.choice(DEVICES)
    day, day2 = rng.sample(DAYS, 2)
    price = rng.randint(18, 240)
    sign = rng.choice("€£$")
    relative, own = rng.choice(_RELATIVES)
    name, surname = rng.choice(NAMES), rng.choice(SURNAMES)
    return {
        "item": item,
        "items": f"{item}s" if not item.startswith("pair") else "boots",
        "an_item": an(item),
        "an_other": an(other),
        "device": device,
        "day": day,
        "day2": day2,
        "gap": f"{sign}{rng.randint(3, 16)}",
        "amount": f"{sign}{price}.{rng.choice(['00', '50', '90', '95'])}",
        "less": f"{sign}{price - rng.randint(5, 15)}",
        "order": f"{rng.choice('ABDHKRT')}{rng.randint(10_000, 99_999)}",
        "code": f"{rng.choice('CEFNPQX')}{rng.choice('LMRTZ')}-{rng.randint(100, 999)}",
        "n": str(rng.randint(3, 14)),
        "pct": str(rng.choice([5, 10, 15, 20, 25, 30])),
        "city": rng.choice(CITIES),
        "street": f"{rng.randint(2, 98)} {rng.choice(STREETS)}",
        "colour": rng.choice(_COLOURS),
        "language": rng.choice(_LANGUAGES),
        "relative": relative,
        "own": own + " own",
        "name": name,
        "surname": surname,
        "mail": f"{name}.{surname}".lower().replace("'", "").replace("ã", "a"),
    }


TASK = StarterTask(
    name="task001_starter_support_team",
    category="Text Categorization",
    domain="Customer Service",
    reasoning="Intent Identification",
    definition=(
        "A customer has written to an online shop. Name the team that should deal with what the customer wants: "
        "billing (prices, payments, invoices, money owed), delivery (orders on their way), returns (sending goods back "
        "or exchanging them), account (log-in and personal data) or technical (a device, the app or the website does "
        "not work). Ignore matters that went well. Answer with the team's one word in lower case."
    ),
    positive=(
        Example(
            "Hello, the parcel with the wok came on Tuesday, but the invoice shows €64 and not the €49 on your site. "
            "Thanks, Noor",
            "billing",
            "The parcel came; what the customer wants is a right invoice, so billing must answer.",
        ),
        Example(
            "I paid for the hiking poles by card nine days ago. When will the van bring them?",
            "delivery",
            "The payment went well, and the question is when the goods will come.",
        ),
    ),
    negative=(
        Example(
            "I can log in as usual, but the app shows only a grey page when I open my basket.",
            "account",
            "The customer can log in; it is the app that does not work, so the answer is technical.",
        ),
        Example(
            "Could I exchange the blue rug for a green one?",
            "The returns team should answer this customer.",
            "The answer must be the one word returns and nothing more.",
        ),
    ),
    rows=rows,
)
