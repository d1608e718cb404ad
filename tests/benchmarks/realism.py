"""How far generated campaigns are from real ones, in pairs of what can be seen of them.

`python -m tests.benchmarks.realism`, or `make realism`: three platforms of 15,000 campaigns that
ended and were not cancelled, against the counts of as many real ones in `real_campaigns.json.gz`.
"""

import gzip
import json
import tempfile
from dataclasses import fields
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from generator.cli import generate
from generator.config import SimulationConfig
from tests.benchmarks.whole_run import ROOT, write_section

PAGE = ROOT / "docs" / "generated-platform.md"
COUNTS = Path(__file__).with_name("real_campaigns.json.gz")
SCALE = 85  # gives as many ended campaigns as there are real ones
SEEDS = (4711, 9001, 9002)
LARGEST_GAPS = 12
CAMPAIGNS = """
    select
        funding_goal::double as goal,
        epoch(deadline_at - launched_at) / 86400 as duration_days,
        count(distinct backer_id) as backers,
        coalesce(sum(amount), 0)::double / nullif(count(distinct backer_id), 0) as mean_pledge,
        coalesce(sum(amount), 0)::double / funding_goal::double as funding_ratio,
        isodow(launched_at) as launch_weekday,
        category,
        coalesce(sum(amount), 0) >= funding_goal as is_funded
    from read_parquet($projects) as projects
    left join read_parquet($pledges) as pledges using (project_id)
    where cancelled_at is null and deadline_at < $ends_at
    group by project_id, funding_goal, deadline_at, launched_at, category
    order by project_id"""

Counts = NDArray[np.float64]


class Reality(NamedTuple):
    """What is known of real campaigns: bins, and counts of two bins and the outcome by pair."""

    edges: dict[str, list[float]]
    categories: list[str]
    pairs: dict[tuple[str, str], Counts]

    def bins(self, name: str) -> int:
        """Returns how many bins a column has; bin 0 is for what is not known."""
        return {**{key: len(each) for key, each in self.edges.items()}, "launch_weekday": 8}.get(
            name, len(self.categories) + 1
        )

    def place(self, name: str, values: Any) -> NDArray[np.int64]:
        """Returns the bin of each value of a column; bin k ends at edge k, and holds it."""
        if name == "category":
            return np.array([self.categories.index(each) + 1 for each in values])
        if name not in self.edges:
            return np.asarray(values, dtype=np.int64)
        known = ~np.ma.getmaskarray(values)
        return np.where(known, np.searchsorted(self.edges[name], np.ma.getdata(values)), 0)


def reality() -> Reality:
    """Reads the counts of real campaigns."""
    read = json.loads(gzip.decompress(COUNTS.read_bytes()))
    known = Reality(read["edges"], read["categories"], {})
    for key, cells in read["pairs"].items():
        first, second = key.split("|")
        counts = np.zeros((known.bins(first), known.bins(second), 2))
        for row, column, outcome, count in cells:
            counts[row, column, outcome] = count
        known.pairs[first, second] = counts
    return known


def campaigns(seed: int) -> dict[str, Any]:
    """Generates a platform and returns its ended campaigns, one array per column."""
    config = SimulationConfig(scale=SCALE, seed=seed, exposures_per_scale=0)
    with tempfile.TemporaryDirectory() as name:
        generate(config, Path(name) / "data", "parquet")
        files = {each: f"{name}/data/{each}.parquet" for each in ("projects", "pledges")}
        return duckdb.execute(CAMPAIGNS, {**files, "ends_at": config.ends_at}).fetchnumpy()


def counted(known: Reality, columns: dict[str, Any]) -> dict[tuple[str, str], Counts]:
    """Counts campaigns by the bins of each pair of columns and the outcome."""
    place = {
        name: known.place(name, columns[name]) for name in {n for pair in known.pairs for n in pair}
    }
    outcome = np.asarray(columns["is_funded"], dtype=np.int64)
    found = {}
    for (first, second), counts in known.pairs.items():
        cell = np.ravel_multi_index((place[first], place[second], outcome), counts.shape)
        count = np.bincount(cell, minlength=counts.size).astype(np.float64)
        found[first, second] = count.reshape(counts.shape)
    return found


def distance(first: Counts, second: Counts) -> float:
    """Returns the total variation: the share of campaigns that would have to lie elsewhere."""
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def total_variation(
    first: dict[tuple[str, str], Counts], second: dict[tuple[str, str], Counts]
) -> dict[tuple[str, str], float]:
    """Returns the distance of each pair of columns."""
    return {pair: distance(first[pair], second[pair]) for pair in first}


def largest_gaps(
    known: Reality, found: dict[tuple[str, str], Counts]
) -> list[tuple[float, str, float, float]]:
    """Returns cells by what they add to the distance: gap, cell, generated and real share in %."""
    gaps = []
    for pair, counts in found.items():
        real = known.pairs[pair]
        share, real_share = 100 * counts / counts.sum(), 100 * real / real.sum()
        for cell in zip(*np.unravel_index(_farthest(share - real_share), real.shape), strict=True):
            names = (_bin(known, name, place) for name, place in zip(pair, cell, strict=False))
            label = f"{', '.join(names)}, {('failed', 'funded')[cell[2]]}"
            gaps.append((abs(share[cell] - real_share[cell]), label, share[cell], real_share[cell]))
    return sorted(gaps, reverse=True)[:LARGEST_GAPS]


def _farthest(gap: Counts) -> NDArray[np.int64]:
    return np.argsort(-np.abs(gap), axis=None)[:LARGEST_GAPS]


def _bin(known: Reality, name: str, place: int) -> str:
    if name == "category":
        return known.categories[place - 1]
    label = name.replace("_", " ")
    if name not in known.edges:
        return f"{label} {place}"
    if place == 0:
        return f"{label} unknown"
    low, high = known.edges[name][place - 1 : place + 1]
    return f"{label} {low:,g} to {high:,g}" if high < 1e9 else f"{label} above {low:,g}"


def figures(known: Reality, worlds: list[dict[tuple[str, str], Counts]]) -> list[str]:
    """Returns the table of distances: each platform to the real campaigns, and to another one."""
    rows = ["| | mean of 21 pairs | worst pair | |", "|---|---|---|---|"]
    for seed, world in zip(SEEDS, worlds, strict=True):
        rows.append(_row(f"seed {seed} to real campaigns", total_variation(world, known.pairs)))
    for (one, first), (two, second) in combinations(zip(SEEDS, worlds, strict=True), 2):
        rows.append(_row(f"floor: seed {one} to seed {two}", total_variation(first, second)))
    return rows


def _row(label: str, found: dict[tuple[str, str], float]) -> str:
    worst = max(found, key=lambda pair: found[pair])
    mean = np.mean(list(found.values()))
    names = " and ".join(name.replace("_", " ") for name in worst)
    return f"| {label} | {mean:.3f} | {found[worst]:.3f} | {names} |"


def parameters() -> str:
    """Returns the table of all parameters of the generator: default, source and meaning."""
    rows = ["| parameter | default | unit | meaning | source |", "|---|---|---|---|---|"]
    for each in fields(SimulationConfig):
        notes, value = each.metadata, each.default
        shown = value.date() if isinstance(value, datetime) else value
        cells = (f"`{each.name}`", shown, *(notes[key] for key in ("unit", "meaning", "source")))
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def main() -> None:
    """Measures, then rewrites the sections of the page about the generated platform."""
    known = reality()
    worlds = [counted(known, campaigns(seed)) for seed in SEEDS]
    rows = figures(known, worlds)
    rows += ["", "| largest gaps | generated % | real % |", "|---|---|---|"]
    whole = {pair: np.sum([world[pair] for world in worlds], axis=0) for pair in known.pairs}
    for _, label, share, real_share in largest_gaps(known, whole):
        rows.append(f"| {label} | {share:.2f} | {real_share:.2f} |")
    text = "\n".join(rows)
    print(text)
    page = write_section(PAGE.read_text(), "realism", text)
    PAGE.write_text(write_section(page, "parameters", parameters()))


if __name__ == "__main__":
    main()
