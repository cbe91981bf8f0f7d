"""The cluster file of a FLAN-style folder: which datasets there are, their fields, answers and templates.

Clusters are those of Wei et al. 2022 (arXiv:2109.01652); so is the rule which of them are held out together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tuition.base.errors import clip
from tuition.tasks.readers.common import rules
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.yaml_text import YamlText, read_yaml
from tuition.tasks.readers.flan.entry import Dataset, Entry, nearest, note_name, note_unknown

# By FLAN's footnote on held-out clusters: inference and paraphrase go together, and the mixed cluster goes both with
# reading comprehension and with commonsense. Each pair is told by the words that name its clusters in a file.
_RELATED = (
    (("nli", "entailment", "natural_language_inference"), ("paraphrase", "paraphrase_detection")),
    (
        ("reading_comprehension", "commonsense", "commonsense_reasoning"),
        (
            "reading_comprehension_with_commonsense",
            "reading_comprehension_and_commonsense",
            "reading_comp_with_commonsense",
            "read_comp_with_commonsense",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Clusters:
    """What a cluster file says: its datasets by name, in order, and which clusters are held out together."""

    datasets: Mapping[str, Dataset]
    related: Mapping[str, tuple[str, ...]]


def read_clusters(file: Path, root: Path, found: Findings) -> Clusters | None:
    """Read a cluster file within `root`; None where it cannot be used at all. What is wrong goes to `found`."""
    document = read_yaml(file, root, found)
    if document is None:
        return None
    told = document.value
    if not isinstance(told, dict) or not isinstance(told.get("clusters"), dict) or not told["clusters"]:
        message = f"it holds {rules.kind_of(told)}" if not isinstance(told, dict) else "there are no 'clusters'"
        found.error("not-clusters", message, "it has the key clusters: cluster, then dataset, then its fields", line=1)
        return None
    note_unknown(told, {"clusters", "related"}, (), document, found)
    datasets: dict[str, Dataset] = {}
    for cluster, members in told["clusters"].items():
        note_name(cluster, "cluster", document.line("clusters", cluster), found)
        if not isinstance(members, dict) or not members:
            message = f"the cluster {clip(cluster)!r} holds {rules.kind_of(members)}"
            found.error("wrong-type", message, "it holds datasets by name", line=document.line("clusters", cluster))
            continue
        for name in members:
            dataset = Entry(document, found, cluster, name).dataset()
            if dataset is not None:
                _add(dataset, datasets, found)
    return Clusters(datasets, _related(document, tuple(told["clusters"]), found))


def default_related(clusters: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return FLAN's own rule for those clusters that bear a name it knows: cluster → what is held out with it.

    Examples:
        >>> default_related(["nli", "topic", "paraphrase"])
        {'nli': ('paraphrase',), 'paraphrase': ('nli',)}
    """
    keys = {name: re.sub(r"[\W_]+", "_", name.casefold()).strip("_") for name in clusters}
    related: dict[str, tuple[str, ...]] = {}
    for name, key in keys.items():
        partners = [other for one, two in _RELATED for here, other in ((one, two), (two, one)) if key in here]
        with_it = tuple(name for name, key in keys.items() if any(key in words for words in partners))
        if with_it:
            related[name] = with_it
    return related


def _add(dataset: Dataset, datasets: dict[str, Dataset], found: Findings) -> None:
    for other in datasets.values():
        if other.name.casefold() == dataset.name.casefold():
            message = f"the dataset {clip(dataset.name)!r} stands at line {other.line} too"
            found.error("duplicate-name", message, "each is a task of its own: rename one", line=dataset.line)
            return
    datasets[dataset.name] = dataset


def _related(document: YamlText, clusters: tuple[str, ...], found: Findings) -> dict[str, tuple[str, ...]]:
    told = document.value.get("related")
    if told is None and "related" not in document.value:
        return default_related(clusters)
    related: dict[str, tuple[str, ...]] = {}
    if not isinstance(told or {}, dict):
        message = f"related is {rules.kind_of(told)}"
        found.error("wrong-type", message, "it has a list of clusters by cluster", line=document.line("related"))
        return related
    for cluster in told or {}:
        others = document.written_list("related", cluster)
        line = document.line("related", cluster)
        if others is None:
            message = f"what is related to {clip(cluster)!r} is no list"
            found.error("wrong-type", message, "write a list: [paraphrase]", line=line)
            continue
        for name in (cluster, *others):
            if name not in clusters:
                message = f"there is no cluster {clip(name)!r}"
                found.error("unknown-cluster", message, nearest(name, clusters), line=line)
        related[cluster] = others
    return related
