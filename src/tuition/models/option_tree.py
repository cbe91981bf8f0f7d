"""A question's options as a tree of tokens: tokens with which several options begin are one node, and run once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Tokens = tuple[int, ...]
ROOT = -1


@dataclass(frozen=True, slots=True)
class OptionTree:
    """The tokens of `options` that must be run through a model to get the probability of each token of each option.

    An option's last token is only predicted, never run, so options of one token need no node. `tokens[n]` is node n's
    token and `parents[n]` the node before it (`ROOT` where it follows the question itself); parents come first.
    `places[o]` are the nodes whose outputs predict the tokens of option o, one each; the first is always `ROOT`.
    """

    options: tuple[Tokens, ...]
    tokens: Tokens
    parents: Tokens
    places: tuple[Tokens, ...]

    @property
    def depths(self) -> Tokens:
        """How many nodes lead to each node, itself included."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(1 if parent == ROOT else depths[parent] + 1)
        return tuple(depths)

    def paths(self) -> list[Tokens]:
        """Return the path to each leaf, as nodes; where a model cannot run a tree, each path is run as a row."""
        inner = set(self.parents)
        paths = []
        for leaf in range(len(self.tokens)):
            if leaf in inner:
                continue
            path = [leaf]
            while self.parents[path[-1]] != ROOT:
                path.append(self.parents[path[-1]])
            paths.append(tuple(reversed(path)))
        return paths


def option_tree(options: Sequence[Tokens]) -> OptionTree:
    """Return the tree of options, which may repeat and may be prefixes of each other.

    Raises:
        ValueError: an option has no token.
    """
    nodes: dict[tuple[int, int], int] = {}
    places = []
    for option in options:
        if not option:
            raise ValueError("every option needs at least one token")
        place = [ROOT]
        for token in option[:-1]:
            place.append(nodes.setdefault((place[-1], token), len(nodes)))
        places.append(tuple(place))
    parents, tokens = zip(*nodes, strict=True) if nodes else ((), ())
    return OptionTree(tuple(options), tokens, parents, tuple(places))


def divided(options: Sequence[Tokens], most: int) -> list[list[int]]:
    """Return the options' positions in runs whose trees have at most `most` nodes; a longer option is a run of its own.

    Options are sorted, so that those with the same beginning share a tree.
    """
    runs: list[list[int]] = []
    nodes: set[Tokens] = set()
    for at in sorted(range(len(options)), key=lambda at: options[at]):
        added = {options[at][:end] for end in range(1, len(options[at]))}
        if not runs or len(nodes | added) > most:
            runs.append([])
            nodes = set()
        runs[-1].append(at)
        nodes |= added
    return runs
