"""What each stage and each model costs as the platform grows: writes docs/how-it-scales.md.

`python -m tests.benchmarks.growth [SCALE ...]` takes the scales in rising order, and adds
docs/how-it-scales.json and docs/images/growth.svg. Scales beyond those of `make bench` go into a
table of their own, with the plot. DUCKDB_MEMORY bounds DuckDB, as in a run.
"""

import json
import math
import os
import re
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import altair as alt
import duckdb
import vl_convert

from pipeline.paths import Paths
from pipeline.settings import DEFAULTS
from tests.benchmarks.side_by_side import call
from tests.benchmarks.whole_run import ROOT, SCALES, measure, write_section
from tests.rebuilds import compiled

SIZES = (100, 1000)
# what is measured, and the goal that brings it up to date
STAGES = {
    "generate": "generate",
    "land": "land",
    "features, with tests": "features",
    "validate": "validate",
    "ml": "online",
    "insights, with tests": "insights",
    "publish": "publish",
    "pages": "run",
}
TOGETHER = "all stages"
COSTLIEST = 12  # models that are listed
_LEAST = 0.01  # CPU seconds, the finest that is measured
DATA, PLOT = SCALES.with_suffix(".json"), ROOT / "docs" / "images" / "growth.svg"


class Cost(NamedTuple):
    """A stage or a model at one scale: CPU seconds, and MiB of its largest process, if known."""

    what: str
    name: str
    pledges: int
    cpu: float
    peak: float | None


def costs_at(scale: int, folder: Path) -> list[Cost]:
    """Runs a platform through all stages, one after the other; at last all together."""
    options = f"SCALE={scale} WAREHOUSE={folder}/warehouse SITE={folder}/site"
    costs, pledges = [], 0
    start = measure(f"{sys.executable} -m pipeline --help", folder, ROOT).cpu
    for name, goal in STAGES.items():
        done = measure(f"{sys.executable} -m pipeline {goal} {options}", folder, ROOT)
        if found := re.search(r"(\d[\d,]*) pledges", done.output):
            pledges = int(found[1].replace(",", ""))
        costs.append(Cost("stage", name, pledges, round(done.cpu - start, 2), round(done.peak)))
        print(f"SCALE={scale} {name}: {done.cpu:.1f} CPU s, {done.peak:,.0f} MiB", flush=True)
        if goal == "features":
            # in a process of its own: the peak of this one would be that of all it starts later
            said = call("tests.benchmarks.growth", "models", f"{folder}/warehouse")
            costs += [Cost("model", name, pledges, cpu, None) for name, cpu in json.loads(said)]
    stages = [cost for cost in costs if cost.what == "stage"]
    most = max(cost.peak or 0.0 for cost in stages)
    return [*costs, Cost("stage", TOGETHER, pledges, sum(cost.cpu for cost in stages), most)]


def models_at(paths: Paths) -> list[tuple[str, float]]:
    """Makes each table once more from the tables it reads; returns names and CPU seconds."""
    costs = []
    memory = os.environ.get("DUCKDB_MEMORY") or DEFAULTS["DUCKDB_MEMORY"]
    spill = str(paths.build_folder / "spill")
    with duckdb.connect(config={"temp_directory": spill, "memory_limit": memory}) as con:
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"attach '{paths.build}' as escrow (read_only); use escrow")
        con.execute(f"attach '{paths.build_folder}/made.duckdb' as made")
        for model in compiled(paths.dbt_target / "manifest.json"):
            if model.is_table and not model.name.startswith("insights."):
                started = time.process_time()
                con.execute(f"create table made.one as {model.sql}")
                costs.append((model.name, round(time.process_time() - started, 2)))
                con.execute("drop table made.one")
    (paths.build_folder / "made.duckdb").unlink()
    return costs


def exponent(small: Cost, large: Cost) -> float:
    """How cost grows with pledges: 1 is in proportion."""
    rate = max(large.cpu, _LEAST) / max(small.cpu, _LEAST)
    return math.log(rate) / math.log(large.pledges / small.pledges)


def table(costs: list[Cost], what: str, title: str) -> list[str]:
    """One row per stage or model: CPU seconds at each size, the exponent between each two."""
    sizes = sorted({cost.pledges for cost in costs})
    found = {(cost.name, cost.pledges): cost for cost in costs if cost.what == what}
    names = list(dict.fromkeys(name for name, _ in found))
    if what == "model":
        names = sorted(names, key=lambda name: -found[name, sizes[-1]].cpu)[:COSTLIEST]
    heads = [
        title,
        *(f"CPU s at {size:,} pledges" for size in sizes),
        *("exponent" for _ in sizes[1:]),
    ]
    if what == "stage":
        heads.append("largest process MiB")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in names:
        rows = [found[name, size] for size in sizes]
        cells = [f"`{name}`" if what == "model" else name, *(f"{row.cpu:.1f}" for row in rows)]
        cells += [f"{exponent(*each):.2f}" for each in pairwise(rows)]
        if what == "stage":
            cells.append(f"{rows[-1].peak:,.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def plot(costs: list[Cost]) -> str:
    """Draws the stages, both axes logarithmic: a straight line of slope 1 is in proportion."""
    rows = [cost._asdict() for cost in costs if cost.what == "stage"]
    chart = (
        alt.Chart(alt.InlineData(rows), width=560, height=320)
        .mark_line(point=True)
        .encode(
            alt.X("pledges:Q", title="pledges").scale(type="log", nice=False).axis(format="~s"),
            alt.Y("cpu:Q", title="CPU seconds").scale(type="log"),
            alt.Color("name:N", title=None, sort=[*STAGES, TOGETHER]),
        )
    )
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


def main() -> None:
    """Measures the scales that are given, or `SIZES`."""
    scales = [int(each) for each in sys.argv[1:]] or SIZES
    costs = []
    for scale in scales:
        with tempfile.TemporaryDirectory() as folder:
            costs += costs_at(scale, Path(folder))
    lines = [*table(costs, "stage", "stage"), "", *table(costs, "model", "costliest tables")]
    print("\n".join(lines))
    section = "growth" if scales[-1] <= SIZES[-1] else "growth_beyond"
    SCALES.write_text(write_section(SCALES.read_text(), section, "\n".join(lines)))
    measured = json.loads(DATA.read_text()) | {section: [cost._asdict() for cost in costs]}
    DATA.write_text(json.dumps(measured, indent=1) + "\n")
    PLOT.write_text(plot([Cost(**each) for each in measured[max(measured)]]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["models"]:
        print(json.dumps(models_at(Paths.at(sys.argv[2], ""))))
    else:
        main()
