"""Task 4, tagging: the products that a note orders, each with its number."""

from __future__ import annotations

import random
from collections.abc import Iterator

from starter.build import Row, StarterTask
from starter.words import DAYS, NAMES, NUMBERS, STREETS, Deck, an, capital, listed, phrases
from tuition.tasks.types import Example

# Products in the singular and the plural, by kind of shop.
PRODUCTS: dict[str, tuple[str, ...]] = {
    "grocer": phrases(
        "jar of honey/jars of honey, bag of rice/bags of rice, lemon/lemons, bottle of olive oil/bottles of olive "
        "oil, tin of tomatoes/tins of tomatoes, loaf of rye bread/loaves of rye bread, head of garlic/heads of "
        "garlic, egg/eggs, bunch of mint/bunches of mint, mango/mangoes, block of tofu/blocks of tofu, onion/onions, "
        "carton of oat milk/cartons of oat milk, packet of lentils/packets of lentils, avocado/avocados, leek/leeks, "
        "tub of yoghurt/tubs of yoghurt, cucumber/cucumbers, sack of potatoes/sacks of potatoes, coconut/coconuts"
    ),
    "stationer": phrases(
        "notebook/notebooks, box of staples/boxes of staples, red pen/red pens, roll of tape/rolls of tape, "
        "folder/folders, glue stick/glue sticks, ream of paper/reams of paper, marker/markers, desk calendar/desk "
        "calendars, ruler/rulers, pack of envelopes/packs of envelopes, whiteboard/whiteboards, stapler/staplers, ink "
        "cartridge/ink cartridges, label sheet/label sheets, hole punch/hole punches, pencil case/pencil cases, "
        "eraser/erasers, clipboard/clipboards"
    ),
    "builder": phrases(
        "paint brush/paint brushes, tin of white paint/tins of white paint, box of screws/boxes of screws, "
        "brick/bricks, bag of cement/bags of cement, door handle/door handles, light bulb/light bulbs, roof tile/roof "
        "tiles, shelf/shelves, sheet of plywood/sheets of plywood, dust mask/dust masks, saw blade/saw blades, "
        "extension lead/extension leads, copper pipe/copper pipes, tube of glue/tubes of glue, hinge/hinges, wall "
        "plug/wall plugs, bucket/buckets, tarp/tarps"
    ),
    "garden": phrases(
        "tomato plant/tomato plants, bag of compost/bags of compost, rake/rakes, watering can/watering cans, rose "
        "bush/rose bushes, packet of bean seeds/packets of bean seeds, clay pot/clay pots, garden hose/garden hoses, "
        "fern/ferns, apple tree/apple trees, bird feeder/bird feeders, tulip bulb/tulip bulbs, bamboo cane/bamboo "
        "canes, trowel/trowels, hanging basket/hanging baskets, lavender plant/lavender plants, pair of gloves/pairs "
        "of gloves, strawberry plant/strawberry plants, bale of straw/bales of straw"
    ),
    "baker": phrases(
        "cheese roll/cheese rolls, almond croissant/almond croissants, carrot cake/carrot cakes, samosa/samosas, "
        "bagel/bagels, fruit salad/fruit salads, bottle of water/bottles of water, blueberry muffin/blueberry "
        "muffins, scone/scones, falafel wrap/falafel wraps, egg sandwich/egg sandwiches, brownie/brownies, spinach "
        "pie/spinach pies, quiche/quiches, jug of lemonade/jugs of lemonade, cinnamon bun/cinnamon buns, apple "
        "tart/apple tarts, pretzel/pretzels, box of biscuits/boxes of biscuits, tray of sandwiches/trays of "
        "sandwiches"
    ),
    "clinic": phrases(
        "box of plasters/boxes of plasters, thermometer/thermometers, roll of gauze/rolls of gauze, ice pack/ice "
        "packs, bottle of hand gel/bottles of hand gel, blanket/blankets, pair of crutches/pairs of crutches, wrist "
        "splint/wrist splints, box of masks/boxes of masks, pillow/pillows, eye patch/eye patches, cotton pad/cotton "
        "pads, sling/slings, pack of tissues/packs of tissues, wheelchair cushion/wheelchair cushions, tube of burn "
        "cream/tubes of burn cream, pill box/pill boxes, knee support/knee supports, finger bandage/finger bandages"
    ),
}

# {all} is the whole list; {one} its first entry and {rest} the others; {no} is a product that is not ordered.
FRAMES = (
    "Please put {all} on the order for {day}. We still have plenty of {no}.",
    "Hi {name}, can you bring {all}? Skip the {no} this time.",
    "We need {one} by {day}. Oh, and {rest} as well.",
    "Could I have {all}, please? Deliver to {street}.",
    "Order for {name}: {all}. No {no}, thank you.",
    "Last week's {no} were fine, but now we have run out. Send {all}.",
    "For {guests} guests on {day} I would like {all}.",
    "{one} for the front room and {rest} for the back, please.",
    "{name} asked for {all}; the {no} can wait until {day}.",
    "Instead of the {no} we will take {one}, and then {rest} too.",
    "Good morning! I'd like to order {all}. I live at {street}, second floor.",
    "The {no} came yesterday, thanks. What we are missing is {all}.",
    "Put {one} aside for me, pack {rest} in the same box, and charge it all to {name}.",
    "My list for {day}: {one}, then {rest}. I decided against the {no}.",
    "{name} here. Same as always, {all}, and please leave it at {street}.",
    "Would you add {one} to my basket? {name} also wants {rest}.",
    "Pick up {all} on your way. There are enough {no} at home.",
    "I thought about {no}, but they cost too much. So just {all}, please.",
    "We are {guests} people on {day}. Get {one} first of all, and then {rest}.",
    "Can the van bring {all} before {day}? {name} will sign for it.",
    "{one} should be enough for {name}. I myself need {rest}.",
    "Thanks for the offer on {no}, but we only want {all}.",
)


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield notes that order two or three products of one kind of shop."""
    frames, shops = Deck(rng, FRAMES), Deck(rng, tuple(PRODUCTS))
    products = {shop: Deck(rng, PRODUCTS[shop]) for shop in PRODUCTS}
    while True:
        deck = products[shops.draw()]
        drawn: list[str] = []
        while len(drawn) < rng.choice([3, 3, 4]):
            product = deck.draw()
            if product not in drawn:
                drawn.append(product)
        ordered, left_out = drawn[:-1], drawn[-1]
        phrases, tags = zip(*(_entry(rng, product) for product in ordered), strict=True)
        text = frames.draw().format(
            all=listed(phrases),
            one=phrases[0],
            rest=listed(phrases[1:]),
            no=left_out.partition("/")[2],
            name=rng.choice(NAMES),
            day=rng.choice(DAYS),
            guests=rng.randint(15, 60),
            street=f"{rng.randint(2, 98)} {rng.choice(STREETS)}",
        )
        yield Row(capital(text), ("; ".join(tags),))


def _entry(rng: random.Random, product: str) -> tuple[str, str]:
    """Return the phrase for a product with its number, and its tag."""
    one, _, several = product.partition("/")
    number = rng.choices([1, rng.randint(2, 9), 6, 12, rng.randint(10, 30)], weights=[5, 9, 1, 2, 3])[0]
    if number == 1:
        phrase = rng.choice([an(one), an(one), f"one {one}"])
    elif number == 12 and " of " not in one:
        phrase = f"a dozen {several}"
    elif number == 6 and " of " not in one and rng.random() < 0.5:
        phrase = f"half a dozen {several}"
    elif number <= len(NUMBERS) - 1 and rng.random() < 0.65:
        phrase = f"{NUMBERS[number]} {several}"
    else:
        phrase = f"{number} {several}"
    return phrase, f"{number} x {one}"


TASK = StarterTask(
    name="task004_starter_order_items",
    category="Keyword Tagging",
    domain="Commerce",
    reasoning="Information Selection",
    definition=(
        "List the products that a note orders. Write each as its number in digits, ' x ' and the product in the "
        "singular, and separate the products with '; ' in the order of the note. Words such as 'a', 'three' or 'half a "
        "dozen' are numbers too: 1, 3 and 6. Leave out products that are mentioned but not ordered."
    ),
    positive=(
        Example(
            "Hi Petra, please send us a fire blanket and three bags of charcoal. We have enough matches.",
            "1 x fire blanket; 3 x bag of charcoal",
            "Matches are mentioned but not ordered.",
        ),
        Example(
            "A dozen candles for the hall, and 2 boxes of napkins and one tablecloth for Ravi.",
            "12 x candle; 2 x box of napkins; 1 x tablecloth",
            "Each product is in the singular, with its number in digits.",
        ),
    ),
    negative=(
        Example(
            "Could you bring two wooden spoons and a sieve? The ladles are fine as they are.",
            "two wooden spoons; a sieve; ladles",
            "The numbers must be digits, the products singular, and the ladles are not ordered.",
        ),
    ),
    rows=rows,
)
