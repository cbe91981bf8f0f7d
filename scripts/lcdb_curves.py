"""Curves of the Learning Curve Database (Mohr et al., 2022; MIT licence), and simulated measurements of them.

The database's accuracies are part of the source package `lcdb==0.1.0`. It is downloaded by pip, unpacked and read;
nothing of it is kept in this repository. The data sets are split into two halves, with related ones (the same data in
another version, generated series such as fri_c*) always in the same half: the forecaster is trained on one half and
evaluated on the other.
"""

from __future__ import annotations

import csv
import hashlib
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.csv
from scipy.special import ndtri

from tuition.reports.forecasting.measured import SHARED_TEST_NOISE, Measured, measure

VERSION = "0.1.0"
REACHES = (2, 4, 8, 16, 32, 64)
_SHA256 = "450ea69b249866298653f718d66a825e3d19a4024dd4ff140b89f2e04d4777ae"
_LEAST_RUNS = 10
_INNER = 25


@dataclass(frozen=True, slots=True)
class Curve:
    """One learner on one data set: `scores` (sizes, outer seeds, inner seeds), NaN where there was no run."""

    dataset: int
    group: str
    learner: str
    sizes: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    test_size: int
    majority: float | None

    @property
    def truth(self) -> npt.NDArray[np.float64]:
        """The mean over all runs at each size; NaN where there were fewer than ten."""
        flat = self.scores.reshape(len(self.sizes), -1)
        runs = (~np.isnan(flat)).sum(1)
        total = np.nansum(flat, axis=1, dtype=np.float64)
        return np.where(runs >= _LEAST_RUNS, total / np.maximum(runs, 1), np.nan)

    @property
    def truth_variance(self) -> npt.NDArray[np.float64]:
        """The sampling variance of `truth` between its runs."""
        flat = self.scores.reshape(len(self.sizes), -1)
        runs = np.maximum((~np.isnan(flat)).sum(1), 1)
        return np.nan_to_num(np.nanvar(np.where(runs[:, None] > 0, flat, 0.0), axis=1)) / runs


def fetch(cache: Path) -> Path:
    """Return the folder of the unpacked database under `cache`, downloading the package with pip if it is missing."""
    folder = cache / f"lcdb-{VERSION}" / "lcdb"
    if (folder / "database-accuracy.csv").exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"lcdb-{VERSION}.tar.gz"
    if not archive.exists():
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-d", str(cache)]
        subprocess.run([*command, f"lcdb=={VERSION}"], check=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != _SHA256:
        raise SystemExit(f"{archive}: SHA-256 is {digest}, not that of lcdb {VERSION}; remove the file and try again")
    with tarfile.open(archive) as packed:
        packed.extractall(cache, filter="data")
    return folder


def _groups(folder: Path) -> dict[int, tuple[str, float | None]]:
    """Return, for each data set in the database, the name of its group and the share of its largest class."""
    found: dict[int, tuple[str, float | None]] = {}
    with (folder / "datasets.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            name = row["Name"].lower()
            kin = "wc" if name.endswith(".wc") else re.split(r"[-_.0-9]", name.removeprefix("kdd_"))[0] or name
            largest = row["MajorityClassSize"]
            share = float(largest) / float(row["NumberOfInstances"]) if largest else None
            found[int(row["openmlid"])] = (kin, share)
    return found


def load(cache: Path) -> list[Curve]:
    """Return all curves with at least four sizes, in the order of the database."""
    folder = fetch(cache)
    groups = _groups(folder)
    table = pyarrow.csv.read_csv(folder / "database-accuracy.csv")
    name = table["learner"].to_numpy(zero_copy_only=False).astype(str)
    columns = {c: table[c].to_numpy() for c in ("openmlid", "size_train", "size_test", "outer_seed", "inner_seed")}
    score = table["score_test"].to_numpy().astype(np.float32)
    learners, code = np.unique(name, return_inverse=True)
    key = columns["openmlid"] * 100 + code
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    curves = []
    for rows in np.split(order, cuts):
        dataset = int(columns["openmlid"][rows[0]])
        sizes, at = np.unique(columns["size_train"][rows], return_inverse=True)
        scores = np.full((len(sizes), 5, _INNER), np.nan, np.float32)
        scores[at, columns["outer_seed"][rows] % 5, columns["inner_seed"][rows] % _INNER] = score[rows]
        kin, share = groups.get(dataset, (f"openml {dataset}", None))
        if len(sizes) >= 4:
            test = int(columns["size_test"][rows[0]])
            curves.append(Curve(dataset, kin, str(learners[code[rows[0]]]), sizes, scores, test, share))
    return curves


def halves(curves: list[Curve]) -> tuple[list[Curve], list[Curve]]:
    """Return the training curves and the held-out ones: half of the data sets each, related ones together.

    Groups are taken in the order of the SHA-256 of their names, each going to the half with fewer data sets.
    """
    members: dict[str, set[int]] = {}
    for curve in curves:
        members.setdefault(curve.group, set()).add(curve.dataset)
    learn: set[int] = set()
    held: set[int] = set()
    for group in sorted(members, key=lambda g: hashlib.sha256(g.encode()).hexdigest()):
        (learn if len(learn) <= len(held) else held).update(members[group])
    return [c for c in curves if c.dataset in learn], [c for c in curves if c.dataset in held]


@dataclass(frozen=True, slots=True)
class Trial:
    """A user's simulated measurements of a curve, the true score there (`now`), and at the reaches (NaN: unknown)."""

    curve: int
    seen: Measured
    runs: int
    instances: int
    now: float
    goals: npt.NDArray[np.float64]
    truths: npt.NDArray[np.float64]
    variances: npt.NDArray[np.float64]


SPACINGS: tuple[tuple[int, ...], ...] = ((1,), (2,), (2,), (2, 4), (4,), (1, 2, 3))
RUNS = (1, 1, 2, 3, 5, 25)
INSTANCES = (50, 100, 100, 200, 500, 0)


def _schedule(rng: np.random.Generator, points: int) -> npt.NDArray[np.int64]:
    """Return `points` indices into the database's sizes (each larger than the one before by the square root of two)."""
    steps = SPACINGS[rng.integers(len(SPACINGS))]
    start = int(rng.choice([0, 0, 0, 2, 4, 6]))
    return start + np.concatenate([[0], np.cumsum(rng.choice(steps, points - 1))]).astype(np.int64)


def _measured_on(rng: np.random.Generator, scores: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.float64]:
    """Return scores as measured on `n` test instances, the same for all sizes and runs."""
    common = rng.standard_normal(n) * np.sqrt(SHARED_TEST_NOISE)
    own = rng.standard_normal((*scores.shape, n)) * np.sqrt(1 - SHARED_TEST_NOISE)
    right = common + own < ndtri(np.clip(scores, 1e-9, 1 - 1e-9))[..., None]
    return np.where(np.isnan(scores), np.nan, right.mean(-1))


def trial(rng: np.random.Generator, curve: Curve, index: int, points: int) -> Trial | None:
    """Return one simulated measurement of `curve`, or None if the curve is too short for it.

    Drawn at random: the sizes, one to 25 runs per size, 50 to 500 test instances or the whole test set, and sometimes
    a score without labels, for which the share of the largest class is used.
    """
    places = _schedule(rng, points)
    ladder = np.round(16 * 2 ** (np.arange(60) / 2)).astype(np.int64)
    position = {int(size): i for i, size in enumerate(curve.sizes)}
    if any(int(ladder[p]) not in position for p in [*places, places[-1] + 2]):
        return None
    rows = [position[int(ladder[p])] for p in places]
    truth, variance = curve.truth, curve.truth_variance
    goals = ladder[places[-1] + 2 * np.arange(1, len(REACHES) + 1)]
    ahead = [position.get(int(g)) for g in goals]
    truths = np.array([np.nan if i is None else truth[i] for i in ahead])
    if np.isnan(truths[0]):
        return None
    seen, runs, n = _seen(rng, curve, rows)
    if seen is None:
        return None
    spread_of = np.array([0.0 if i is None else variance[i] for i in ahead])
    return Trial(index, seen, runs, n, float(truth[rows[-1]]), goals.astype(float), truths, spread_of)


def _seen(rng: np.random.Generator, curve: Curve, rows: list[int]) -> tuple[Measured | None, int, int]:
    runs, n = int(rng.choice(RUNS)), int(rng.choice(INSTANCES))
    block = curve.scores[rows].astype(np.float64)
    if runs < _INNER:
        outer = int(rng.integers(5))
        inner = np.flatnonzero(~np.isnan(block[:, outer]).any(0))
        if len(inner) < runs:
            return None, runs, n
        block = block[:, outer, rng.permutation(inner)[:runs]]
    else:
        block = block.reshape(len(rows), -1)
    if n:
        block = _measured_on(rng, block, n)
    by_seed = [list(row[~np.isnan(row)]) for row in block]
    if any(not row for row in by_seed):
        return None, runs, n
    sizes = [float(curve.sizes[row]) for row in rows]
    if curve.majority is not None and len(rows) > 1 and rng.random() < 0.3:
        share = curve.majority
        base = _measured_on(rng, np.full((1, 1), share), n)[0] if n else np.array([share])
        sizes, by_seed = [0.0, *sizes[1:]], [list(base), *by_seed[1:]]
    return measure(sizes, by_seed, n or curve.test_size), runs, n


def trials(curves: list[Curve], points: tuple[int, ...], draws: int, seed: int) -> Iterator[tuple[int, Trial]]:
    """Yield (points, trial): `draws` tries for each curve and number of points."""
    for index, curve in enumerate(curves):
        for k in points:
            rng = np.random.default_rng([seed, index, k])
            for _ in range(draws):
                made = trial(rng, curve, index, k)
                if made is not None:
                    yield k, made


@dataclass(frozen=True, slots=True)
class Family:
    """A short curve and the long curves related to it."""

    short: Trial
    kin: tuple[Measured, ...]


def _long(rng: np.random.Generator, curve: Curve) -> Measured | None:
    """Return a curve as measured by one run on 100 test instances at up to nine sizes, each twice the one before."""
    rows = list(range(0, len(curve.sizes), 2))[:9]
    block = curve.scores[rows, int(rng.integers(5))].astype(np.float64)
    whole = np.flatnonzero(~np.isnan(block).any(0))
    if not len(whole):
        return None
    scores = _measured_on(rng, block[:, whole[:1]], 100)
    return measure([float(curve.sizes[r]) for r in rows], [list(row) for row in scores], 100)


def families(curves: list[Curve], by_data: bool, points: tuple[int, ...], seed: int) -> Iterator[Family]:
    """Yield short curves with up to ten long ones of the same data set (`by_data`), or else of the same learner."""
    rng = np.random.default_rng(seed)
    groups: dict[object, list[int]] = {}
    for i, curve in enumerate(curves):
        groups.setdefault(curve.dataset if by_data else curve.learner, []).append(i)
    for members in groups.values():
        for draw in range(3 if by_data else 18):
            own = curves[members[int(rng.integers(len(members)))]]
            short = trial(rng, own, 0, points[draw % len(points)])
            if short is None:
                continue
            strange = [i for i in rng.permutation(members) if _differs(curves[i], own, by_data)][:10]
            kin = [seen for seen in (_long(rng, curves[i]) for i in strange) if seen is not None]
            yield Family(short, tuple(kin))


def _differs(other: Curve, own: Curve, by_data: bool) -> bool:
    return other.learner != own.learner if by_data else other.group != own.group
