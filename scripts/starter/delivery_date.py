"""Task 2, extraction: the delivery date that an e-mail gives, in ISO form."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from starter.build import Row, StarterTask
from starter.words import CITIES, NAMES, SHOPS, SURNAMES, Deck, day_name, month_name, ordinal, phrases
from tuition.tasks.types import Example

ITEMS = phrases(
    "oak desk, garden shed, leather sofa, washing machine, set of six chairs, upright piano, double bed, wardrobe, "
    "cargo bike, greenhouse, dishwasher, treadmill, stone sink, roll of carpet, wood stove, corner bench, glass door, "
    "chest freezer, pallet of tiles, water tank, bunk bed, dining table, ladder, trampoline, swing set, kitchen "
    "island, rain barrel, loom, pottery kiln, office printer, telescope, rowing machine, fridge, aquarium, bookcase, "
    "box of wine, tool cabinet, mattress"
)

# {new} is the delivery date. {before}, {after} and {either} are days that were planned first; {ordered} and {past} are
# before the e-mail, {late} after the delivery.
FRAMES = (
    "Dear {name}, thank you for your order of {ordered}. Your {item} will be delivered on {new}. The invoice is payable"
    " by {late}. Kind regards, {shop}",
    "Hi {name}, a quick update: the {item} was due on {before}, but our supplier is late and it will now reach you on "
    "{new}. Sorry for the wait!",
    "Order {number}, placed on {ordered}. Status: packed. Delivery: {new}. Payment received: {past}. {shop}",
    "Good news, {name}! Your {item} left our warehouse in {city} on {past} and will be with you on {new}.",
    "Hello {name}, after our call on {past} I have booked the van for {new}. Someone must be at home to sign for the "
    "{item}. {sender}, {shop}",
    "Dear customer, the {item} that you were to receive on {before} is coming on {new} instead. We refunded the "
    "express "
    "fee on {past}.",
    "{name}, please note that our driver will bring the {item} on {new} and not on {either}, as we first told you.",
    "We received your payment for order {number} on {past}. Delivery of the {item} is planned for {new}. {sender} at "
    "{shop}",
    "Re: order {number}. As you asked on {past}, we have moved the delivery from {either} to {new}. All the rest "
    "stays as "
    "agreed. Regards, {sender}",
    "The invoice for the {item} is due on {late}. The goods themselves will be handed to you in {city} on {new}. "
    "Accounts department, {shop}",
    "Hi {name}, the {item} you bought on {ordered} is ready sooner than we thought. We can deliver it on {new} rather "
    "than on {after}. No need to reply.",
    "Dear {name}, the warranty of your {item} begins on {new}, the day on which we bring it to your door. We registered"
    " order {number} on {ordered}.",
    "Parcel notice for {name} {surname}: {item}, posted on {past}, arriving on {new}. If you are out, our depot in "
    "{city} keeps it until {late}.",
    "Dear {name} {surname}, unfortunately we cannot keep to {before}. The fitter who brings the {item} is free on "
    "{new}, "
    "and we have put you down for that day.",
    "Thanks for waiting, {name}. Customs released the {item} on {past}, so the courier will be at your address on "
    "{new}. You may return it until {late}.",
    "Order confirmation {number}. Ordered: {ordered}. Goods: {item}. To be delivered: {new}. Invoice due: {late}. Thank"
    " you for shopping with {shop}.",
    "Hello {name}, we came with the {item} on {past}, but nobody was in. Our second and last try will be on {new}. "
    "{sender}, {shop}",
    "Hi {name}! Since {before} is a public holiday in {city}, your {item} will not come on that day but on {new}.",
    "It's {sender} from {shop}. You asked when the {item} comes: it is on the lorry for {new}. The sale ended on "
    "{past}, so you still got the lower price.",
    "Dear {name}, the {item} arrives on {new}, and our team puts it together on {late}. Your deposit of {past} has been"
    " booked to order {number}.",
    "Delivery of the {item}: {new}. Last day to cancel order {number} was {past}. Should you have moved away from "
    "{city}, tell {sender} at once.",
    "{name}, I told you {either} on the phone, which was wrong. The {item} goes out to {city} and will be delivered on "
    "{new}. Apologies, {sender}",
)

Style = Callable[[date, bool], str]


def _year(day: date, with_year: bool, comma: str = "") -> str:
    return f"{comma} {day.year}" if with_year else ""


# Date formats, each a function of the day and of whether the year is given.
STYLES: tuple[Style, ...] = (
    lambda day, with_year: f"{day.day} {month_name(day)}{_year(day, with_year)}",
    lambda day, with_year: f"{month_name(day)} {day.day}{_year(day, with_year, ',')}",
    lambda day, with_year: f"{ordinal(day.day)} {month_name(day)}{_year(day, with_year)}",
    lambda day, with_year: f"{day_name(day)}, {day.day} {month_name(day)}{_year(day, with_year)}",
    lambda day, with_year: f"{day_name(day)} {month_name(day)} {ordinal(day.day)}{_year(day, with_year, ',')}",
    lambda day, with_year: f"{day.day} {month_name(day)[:3]}{_year(day, with_year)}",
    lambda day, with_year: f"{day_name(day)[:3]} {day.day} {month_name(day)[:3]}{_year(day, with_year)}",
)
HEADERS = ("Sent: {sent}. ", "Date: {sent}. ", "[{sent}] ", "E-mail of {sent}: ")


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield e-mails; a third of them give the year only in the header with the date on which they were sent."""
    frames, styles, headers = Deck(rng, FRAMES), Deck(rng, STYLES), Deck(rng, HEADERS)
    while True:
        days = _dates(rng)
        style = styles.draw()
        frame = frames.draw()
        with_year = rng.random() < 0.65
        if not with_year or rng.random() < 0.3:
            frame = headers.draw() + frame
        slots = {key: style(day, with_year or key == "sent") for key, day in days.items()}
        name, sender = rng.sample(NAMES, 2)
        text = frame.format(
            **slots,
            name=name,
            sender=sender,
            surname=rng.choice(SURNAMES),
            item=rng.choice(ITEMS),
            shop=rng.choice(SHOPS),
            city=rng.choice(CITIES),
            number=f"{rng.choice('ABDHKRT')}-{rng.randint(1000, 9999)}",
        )
        yield Row(text, (days["new"].isoformat(),))


def _dates(rng: random.Random) -> dict[str, date]:
    """Return dates of one year, in an order that makes sense for a delivery."""
    sent = date(rng.randint(2022, 2027), 1, 20) + timedelta(days=rng.randint(0, 290))
    new = sent + timedelta(days=rng.randint(2, 24))
    before = sent + timedelta(days=rng.randint(1, (new - sent).days - 1))
    after = new + timedelta(days=rng.randint(1, 9))
    past = sent - timedelta(days=rng.randint(1, 6))
    return {
        "sent": sent,
        "new": new,
        "before": before,
        "after": after,
        "either": rng.choice([before, after]),
        "past": past,
        "ordered": past - timedelta(days=rng.randint(0, 9)),
        "late": new + timedelta(days=rng.randint(1, 14)),
    }


TASK = StarterTask(
    name="task002_starter_delivery_date",
    category="Information Extraction",
    domain="Commerce",
    reasoning="Temporal Reasoning",
    definition=(
        "Read an e-mail about an order and find the day on which the goods are to be delivered. If the delivery was "
        "moved, give the new day; ignore the dates of the order, payment, invoice or return. Where the year is not "
        "written beside the day, take it from the date on which the e-mail was sent. Answer with the date alone, "
        "written as YYYY-MM-DD."
    ),
    positive=(
        Example(
            "Hi Petra, your order of 2 May 2024 is packed. The hammock will be delivered on 9 May 2024, and the "
            "invoice is due on 30 May 2024.",
            "2024-05-09",
            "The first date is that of the order and the last that of the invoice.",
        ),
        Example(
            "Sent: Oct 28, 2025. The driver is ill, so your beehive will not come on Nov 3 but on Nov 12. Green Fern "
            "Nursery",
            "2025-11-12",
            "The delivery was moved to Nov 12, and the year stands in the sent date.",
        ),
    ),
    negative=(
        Example(
            "Dear Ravi, the table that you ordered on 4 June 2023 will be brought to you on 17 June 2023.",
            "17 June 2023",
            "It is the right day but not written as 2023-06-17.",
        ),
    ),
    rows=rows,
)
