"""Words shared by several starter tasks, and helpers that inflect and join them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from typing import Generic, TypeVar

T = TypeVar("T")


def phrases(text: str) -> tuple[str, ...]:
    """Return the phrases of a list written with commas."""
    return tuple(part.strip() for part in text.split(","))


WOMEN = phrases(
    "Aisha, Amara, Anjali, Astrid, Ayumi, Beatriz, Chiara, Elif, Fatima, Freya, Gabriela, Hana, Ines, Ingrid, Ivana, "
    "Jelena, Kamala, Katarzyna, Leila, Linh, Mariam, Mei, Naledi, Nadia, Olga, Priya, Rosa, Ruth, Siobhan, Sofia, "
    "Tomoko, Wanjiru, Zanele, Zeynep"
)
MEN = phrases(
    "Andrzej, Arjun, Bilal, Bongani, Chidi, Dariusz, Diego, Dmitri, Emeka, Farid, Giorgos, Haruto, Ibrahim, Jamal, "
    "João, Kofi, Lars, Luca, Mateus, Miguel, Minh, Nikolai, Omar, Paolo, Rahul, Samuel, Sanjay, Tariq, Thomas, Yusuf, "
    "Callum, Viktor, Hiroshi, Tomasz"
)
NAMES = sorted(WOMEN + MEN)
SURNAMES = phrases(
    "Okafor, Nakamura, Haddad, Silva, Novak, Larsen, Mehta, Nguyen, Castillo, Demir, O'Brien, Mbeki, Rossi, "
    "Schneider, Adeyemi, Kaur, Tan, Johansson, Moreau, Ferreira, Yilmaz, Osei, Park, Sato, Herrera, Dlamini, Ahmed, "
    "Lindqvist, Baker, Kimani, Horvat, Vargas"
)
CITIES = phrases(
    "Leeds, Porto, Nairobi, Osaka, Lyon, Bogotá, Kraków, Accra, Izmir, Cork, Pune, Malmö, Quito, Hanoi, Tunis, Ghent, "
    "Bergen, Lahore, Austin, Cebu, Zagreb, Cardiff, Perth, Lagos, Utrecht, Denver, Gdańsk, Mombasa, Turin, Calgary, "
    "Seville, Dundee, Penang, Graz"
)
STREETS = phrases(
    "Mill Lane, Station Road, Orchard Street, Canal Street, Hillside Avenue, Market Square, Linden Road, Chapel "
    "Street, Ferry Road, Park Crescent, Juniper Way, Harbour Street, Castle Street, Beech Grove, Tannery Row, "
    "Lakeview Drive"
)
SHOPS = phrases(
    "Northgate Tools, Harbour Books, Lumen Lighting, Green Fern Nursery, Oakline Furniture, Blue Kettle Kitchenware, "
    "Silva & Sons, Tan Electronics, Fjord Outdoor, Castillo Tiles, Mehta Textiles, Brightside Bikes, The Paper Barn, "
    "Adeyemi Interiors, Sato Audio, Copper Pot Supplies"
)
DAYS = phrases("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
MONTHS = phrases("January, February, March, April, May, June, July, August, September, October, November, December")
NUMBERS = phrases("zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve")

_CONSONANT_VOWELS = ("uni", "uku", "usb", "eu", "one")
_SILENT_H = ("hour", "honest", "herb ")


class Deck(Generic[T]):
    """Deals its items in shuffled rounds, so that each is drawn equally often."""

    def __init__(self, rng: random.Random, items: Sequence[T]) -> None:
        """Hold the items; the first deal shuffles them."""
        self._rng, self._items = rng, tuple(items)
        self._left: list[T] = []

    def draw(self) -> T:
        """Return the next item."""
        if not self._left:
            self._left = self._rng.sample(self._items, len(self._items))
        return self._left.pop()


def an(noun: str) -> str:
    """Return `noun` after "a" or "an", by its pronunciation."""
    sound = noun.lower()
    vowel = sound.startswith(tuple("aeiou")) and not sound.startswith(_CONSONANT_VOWELS)
    return f"an {noun}" if vowel or sound.startswith(_SILENT_H) else f"a {noun}"


def capital(text: str) -> str:
    """Return `text` with its first letter in upper case and the rest unchanged."""
    return text[:1].upper() + text[1:]


def listed(parts: Sequence[str]) -> str:
    """Return the parts as a list in a sentence: "one, two and three"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th for 1, 2, 3, 4, and so on up to 99."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def month_name(day: date) -> str:
    """Return the English name of the month."""
    return MONTHS[day.month - 1]


def day_name(day: date) -> str:
    """Return the English name of the day of the week."""
    return DAYS[day.weekday()]


def clock12(hour: int, minute: int) -> str:
    """Return a time of day as "9 am" or "6:30 pm"."""
    shown = f"{hour % 12 or 12}" + (f":{minute:02d}" if minute else "")
    return f"{shown} {'am' if hour < 12 else 'pm'}"


def near(rng: random.Random, limit: int, spread: int) -> int:
    """Return a number that is at most `spread` above or below `limit`, but never equal to it."""
    return limit + rng.randint(1, spread) * rng.choice([1, -1])
