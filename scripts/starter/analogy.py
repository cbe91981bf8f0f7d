"""Task 5, analogy: complete the second pair of words by the relation of the first."""

from __future__ import annotations

import random
from collections.abc import Iterator

from starter.build import Row, StarterTask
from starter.words import Deck
from tuition.tasks.types import Example

# Pairs "word:answer" by their relation; a bar separates equally correct answers.
RELATIONS: dict[str, str] = {
    "grown animal and its young": (
        "cat:kitten, dog:puppy|pup, cow:calf, horse:foal, sheep:lamb, goat:kid, pig:piglet, duck:duckling, "
        "goose:gosling, bear:cub, deer:fawn, frog:tadpole, swan:cygnet, kangaroo:joey, owl:owlet, "
        "butterfly:caterpillar, hen:chick"
    ),
    "person and place of work": (
        "chef:kitchen, judge:court|courtroom, actor:theatre|stage, sailor:ship, miner:mine, librarian:library, "
        "baker:bakery, pharmacist:pharmacy, banker:bank, chemist:laboratory|lab, waiter:restaurant, nurse:hospital, "
        "mechanic:garage, astronomer:observatory, curator:museum, lifeguard:pool|beach, "
        "professor:university, zookeeper:zoo, brewer:brewery, clown:circus, farmer:farm, priest:church, "
        "teacher:school|classroom"
    ),
    "person and tool": (
        "carpenter:hammer|saw, photographer:camera, tailor:needle, surgeon:scalpel, gardener:spade, barber:scissors, "
        "lumberjack:axe, conductor:baton, sculptor:chisel, blacksmith:anvil|hammer, doctor:stethoscope, archer:bow, "
        "plumber:wrench, drummer:drumsticks|drum, welder:torch, referee:whistle, angler:rod, knight:sword, "
        "hairdresser:scissors|comb, violinist:bow|violin"
    ),
    "country and capital": (
        "Japan:Tokyo, Kenya:Nairobi, Peru:Lima, Egypt:Cairo, Norway:Oslo, Thailand:Bangkok, Cuba:Havana, "
        "Portugal:Lisbon, Poland:Warsaw, Ghana:Accra, Greece:Athens, Chile:Santiago, Iraq:Baghdad, Ireland:Dublin, "
        "Hungary:Budapest, Vietnam:Hanoi, Austria:Vienna, Senegal:Dakar, Nepal:Kathmandu, "
        "Canada:Ottawa, Finland:Helsinki, Morocco:Rabat, Colombia:Bogotá, Iran:Tehran, Denmark:Copenhagen, "
        "Ukraine:Kyiv, Italy:Rome, Spain:Madrid, Germany:Berlin, Sweden:Stockholm, Indonesia:Jakarta, Uganda:Kampala, "
        "Lebanon:Beirut, Australia:Canberra"
    ),
    "word and its opposite": (
        "hot:cold, early:late, full:empty, rich:poor, loud:quiet, ancient:modern, brave:cowardly, "
        "generous:stingy|mean, guilty:innocent, wet:dry, heavy:light, strong:weak, wide:narrow, sharp:blunt|dull, "
        "deep:shallow, clean:dirty, smooth:rough, polite:rude, thick:thin, open:closed|shut, same:different, "
        "north:south, victory:defeat, arrive:depart|leave, buy:sell, remember:forget, inside:outside, "
        "question:answer, increase:decrease, sunrise:sunset, entrance:exit, always:never, attack:defend, love:hate, "
        "lend:borrow, whisper:shout, expand:shrink|contract, sweet:sour|bitter"
    ),
    "verb and its past": (
        "go:went, swim:swam, write:wrote, think:thought, fly:flew, catch:caught, freeze:froze, sing:sang, "
        "choose:chose, drive:drove, break:broke, eat:ate, speak:spoke, steal:stole, bring:brought, grow:grew, "
        "wear:wore, ring:rang, sleep:slept, fight:fought, throw:threw, hide:hid, keep:kept, bite:bit, "
        "forgive:forgave, seek:sought, teach:taught, blow:blew, feel:felt, win:won"
    ),
    "one and many": (
        "child:children, mouse:mice, foot:feet, leaf:leaves, woman:women, ox:oxen, crisis:crises, wolf:wolves, "
        "knife:knives, cactus:cacti|cactuses, half:halves, person:people, thief:thieves, tooth:teeth, louse:lice, "
        "analysis:analyses, loaf:loaves, hero:heroes, city:cities, fungus:fungi, criterion:criteria, life:lives, "
        "goose:geese, phenomenon:phenomena, shelf:shelves, potato:potatoes"
    ),
    "part and whole": (
        "petal:flower, chapter:book, wing:bird|plane, sail:ship|boat, verse:poem, brick:wall, island:archipelago, "
        "star:galaxy, singer:choir, player:team, wheel:car, branch:tree, room:house, carriage:train, scene:play|film, "
        "finger:hand, toe:foot, slice:bread|loaf, stair:staircase, soldier:army, bee:swarm, letter:alphabet|word, "
        "minute:hour, month:year, pixel:image|screen, state:country, bead:necklace, grape:bunch, key:piano|keyboard"
    ),
    "thing and what it is made of": (
        "window:glass, tyre:rubber, candle:wax, jumper:wool, anvil:iron, envelope:paper, jeans:denim, wallet:leather, "
        "vase:clay|glass, coin:metal, log:wood, igloo:ice, bread:flour|dough, wine:grapes, cheese:milk, "
        "omelette:eggs, chips:potatoes, cider:apples, tofu:soya"
    ),
    "animal and its sound": (
        "lion:roar, snake:hiss, hound:bark, pigeon:coo, donkey:bray, crow:caw, rooster:crow, turkey:gobble, "
        "mare:neigh, kitten:meow|mew, ewe:bleat|baa, mosquito:buzz, bull:bellow, sow:oink|grunt"
    ),
    "animal and its home": (
        "hornet:nest, honeybee:hive, spider:web, ant:anthill|nest, fox:den, rabbit:burrow|warren, stallion:stable, "
        "beaver:lodge|dam, sparrow:nest, poodle:kennel, hog:sty|pigsty, bat:cave, goldfish:bowl|aquarium, "
        "chicken:coop"
    ),
    "doing and doer": (
        "teach:teacher, act:actor, sail:sailor, compete:competitor, invent:inventor, edit:editor, paint:painter, "
        "direct:director, climb:climber, visit:visitor, study:student, beg:beggar, lie:liar, translate:translator, "
        "assist:assistant, photograph:photographer, govern:governor, ski:skier, collect:collector, inspect:inspector, "
        "donate:donor, rob:robber, apply:applicant, lead:leader, compose:composer, farm:farmer, bake:baker, "
        "swim:swimmer"
    ),
    "thing and what it does": (
        "scissors:cut, pen:write, broom:sweep, oven:bake|cook, lamp:shine|light, telephone:call|ring, needle:sew, "
        "shovel:dig, eraser:erase|rub, kettle:boil, freezer:freeze, razor:shave, towel:dry, soap:wash|clean, "
        "camera:photograph, clock:tick, ladder:climb, bed:sleep, chair:sit, calculator:calculate, glue:stick, "
        "saw:cut, iron:press, knife:cut"
    ),
    "adjective and its comparative": (
        "good:better, bad:worse, big:bigger, happy:happier, far:farther|further, easy:easier, tall:taller, "
        "funny:funnier, wise:wiser, lazy:lazier, sad:sadder, large:larger, busy:busier, "
        "thin:thinner, hot:hotter, gentle:gentler, early:earlier, heavy:heavier, nice:nicer"
    ),
    "quality and its noun": (
        "kind:kindness, long:length, high:height, free:freedom, beautiful:beauty, angry:anger, hungry:hunger, "
        "honest:honesty, young:youth, cruel:cruelty, proud:pride, curious:curiosity, warm:warmth, safe:safety, "
        "able:ability, patient:patience, silent:silence, jealous:jealousy, violent:violence, wise:wisdom, "
        "strong:strength, deep:depth, wide:width, true:truth"
    ),
    "country and language": (
        "Brazil:Portuguese, Mexico:Spanish, France:French, Turkey:Turkish, Netherlands:Dutch, China:Chinese|Mandarin, "
        "Bulgaria:Bulgarian, Romania:Romanian, Iceland:Icelandic, Israel:Hebrew, Jamaica:English, Albania:Albanian, "
        "Laos:Lao, Hungary:Hungarian, Egypt:Arabic, Argentina:Spanish, Austria:German, Denmark:Danish"
    ),
}


def rows(rng: random.Random) -> Iterator[Row]:
    """Yield analogies; every pair is asked for once, after another pair with its relation."""
    asked: list[Row] = []
    for pairs in RELATIONS.values():
        known = [(word, answers.split("|")) for word, _, answers in (pair.partition(":") for pair in pairs.split(", "))]
        shown = Deck(rng, known)
        for word, answers in known:
            other, others = shown.draw()
            while other == word or set(others) & set(answers):
                other, others = shown.draw()
            asked.append(Row(f"{other} : {others[0]}. {word} : ?", tuple(answers)))
    rng.shuffle(asked)
    yield from asked


TASK = StarterTask(
    name="task005_starter_analogy",
    category="Word Analogy",
    domain="Commonsense",
    reasoning="Analogical Reasoning",
    definition=(
        "Two pairs of words are given in the form 'A : B. C : ?'. Work out how B belongs to A: it may be the young of "
        "an animal, the tool or workplace of a person, a capital, an opposite, a past form, a whole, a material or the "
        "like. Then give the word that belongs to C in the same way. Answer with that word alone."
    ),
    positive=(
        Example("uncle : aunt. king : ?", "queen", "An aunt is the woman to an uncle, as a queen is to a king."),
        Example("second : two. fifth : ?", "five", "Second is the ordinal of two, and fifth that of five."),
    ),
    negative=(
        Example(
            "tree : trunk. flower : ?",
            "garden",
            "A trunk is what holds a tree up, so the answer is stem; a garden is where flowers grow.",
        ),
    ),
    rows=rows,
    nearness=0.99,
)
