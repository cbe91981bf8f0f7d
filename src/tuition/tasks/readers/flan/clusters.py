"""The cluster file of a FLAN-style folder: its datasets with their fields, labels and templates.

The clusters, and the rule which of them are held out together, are those of Wei et al. 2022 (arXiv:2109.01652).
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

# From FLAN's footnote on held-out clusters: inference and paraphrase are held out together, and the mixed cluster is
# held out both with reading comprehension and with commonsense. Each pair lists the names that files use.
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
    """The content of a cluster file: its datasets by name, in order, and which clusters are held out together."""

    datasets: Mapping[str, Dataset]
    related: Mapping[str, tuple[str, ...]]


def read_clusters(file: Path, root: Path, found: Findings) -> Clusters | None:
    """Read a cluster file within `root`; None if it cannot be used at all. What is wrong goes to `found`."""
    document = read_yaml(file, root, found)
    if document is None:
        return None
    content = document.value
    if not isinstance(content, dict) or not isinstance(content.get("clusters"), dict) or not content["clusters"]:
        is_object = isinstance(content, dict)
        message = "there are no 'clusters'" if is_object else f"it contains {rules.kind_of(content)}"
        found.error("not-clusters", message, "it has the key clusters: cluster, then dataset, then its fields", line=1)
        return None
    note_unknown(content, {"clusters", "related"}, (), document, found)
    datasets: dict[str, Dataset] = {}
    for cluster, members in content["clusters"].items():
        note_name(cluster, "cluster", document.line("clusters", cluster), found)
        if not isinstance(members, dict) or not members:
            message = f"the cluster {clip(cluster)!r} is {rules.kind_of(members)}"
            found.error("wrong-type", message, "it has datasets by name", line=document.line("clusters", cluster))
            continue
        for name in members:
            dataset = Entry(document, found, cluster, name).dataset()
            if dataset is not None:
                _add(dataset, datasets, found)
    return Clusters(datasets, _related(document, tuple(content["clusters"]), found))


def default_related(clusters: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return FLAN's rule for the clusters with known names: cluster → the clusters that are held out with it.

    Examples:
        >>> default_related(["nli", "topic", "paraphrase"])
        {'nli': ('paraphrase',), 'paraphrase': ('nli',)}
    """
    keys = {name: re.sub(r"[\W_]+", "_", name.casefold()).strip("_") for name in clusters}
    related: dict[str, tuple[str, ...]] = {}
    for name, key in keys.items():
        partners = [other for one, two in _RELATED for here, other in ((one, two), (two, one)) if key in here]
        held_out_with_it = tuple(name for name, key in keys.items() if any(key in words for words in partners))
        if held_out_with_it:
            related[name] = held_out_with_it
    return related


def _add(dataset: Dataset, datasets: dict[str, Dataset], found: Findings) -> None:
    for other in datasets.values():
        if other.name.casefold() == dataset.name.casefold():
            message = f"line {other.line} has a dataset with the same name, {clip(dataset.name)!r}"
            found.error("duplicate-name", message, "each dataset is a separate task: rename one", line=dataset.line)
            return
    datasets[dataset.name] = dataset


def _related(document: YamlText, clusters: tuple[str, ...], found: Findings) -> dict[str, tuple[str, ...]]:
    value = document.value.get("related")
    if value is None and "related" not in document.value:
        return default_related(clusters)
    related: dict[str, tuple[str, ...]] = {}
    if not isinstance(value or {}, dict):
        message = f"related is {rules.kind_of(value)}"
        found.error("wrong-type", message, "it has a list of clusters by cluster", line=document.line("related"))
        return related
    for cluster in value or {}:
        others = document.written_list("related", cluster)
        line = document.line("related", cluster)
        if others is None:
            message = f"the entry of {clip(cluster)!r} is not a list"
            found.error("wrong-type", message, "write a list: [paraphrase]", line=line)
            continue
        for name in (cluster, *others):
            if name not in clusters:
                message = f"there is no cluster {clip(name)!r}"
                found.error("unknown-cluster", message, nearest(name, clusters), line=line)
        related[cluster] = others
    return related
