"""Puts the monitor to the test: false alarms, power, delay; writes docs/monitoring.md and a page.

`python -m tests.benchmarks.monitor --site site`; `--worlds DIR` keeps the generated platforms. With
NANNYML_PYTHON, a Python that has NannyML, its default is measured on the same data.
"""

import argparse
import dataclasses
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ml import settings
from ml.monitoring import drift
from ml.monitoring.alarms import Watch
from ml.monitoring.findings import Finding
from ml.monitoring.samples import PREDICTION, Sample, read_samples
from ml.settings import ModelSettings
from ml.warehouse import read_warehouse
from pages.monitoring import alarm_chart
from pages.rendering import render, write_text
from tests import declared
from tests.benchmarks.whole_run import ROOT, copy_repository, write_section

MONITORING = ROOT / "docs" / "monitoring.md"
ONSET = datetime(2023, 7, 1)
SCENARIOS = ("steady", "new_category", "price_shift", "quality_drop", "bot_pledges")
BACKTEST_SCALE, BACKTEST_SEED = 50, 11
LARGE_SCALE, LARGE_SEED = 1000, 777
SIZES = {30: 2.0, 100: 2.0, 1_000: 1.6, 3_000: 1.4, 10_000: 1.4}  # projects: change to be seen
RESAMPLES, POWER_RESAMPLES, NANNYML_RESAMPLES = 1000, 100, 20
SEED = 1

Samples = dict[str, list[Sample]]  # by model
MODELS = {model.name: model for model in settings.load(settings.DEFAULT_PATH, declared.catalogue())}


class World(NamedTuple):
    """A generated platform on which both models were trained."""

    as_of: datetime
    cutoffs: dict[str, datetime]
    samples: Samples


def read_world(folder: Path, scenario: str, scale: int, seed: int) -> World:
    """Builds the platform in the folder unless it is there, and reads what the monitor reads."""
    warehouse = folder / f"{scenario}-{scale}-{seed}"
    database = warehouse / "build" / "escrow.duckdb"
    if not (warehouse / "done").exists():
        with tempfile.TemporaryDirectory() as name:
            copy_repository(Path(name))
            choice = (f"SCENARIO={scenario}", f"SCALE={scale}", f"SEED={seed}")
            places = (f"VENV={sys.prefix}", f"WAREHOUSE={warehouse.resolve()}")
            run("make", "features", *choice, *places, folder=Path(name))
            stages = (sys.executable, "-m", "ml", "train", "predict", "--run-id", "bench")
            run(*stages, "--db", database, "--models", warehouse / "models", folder=Path(name))
        (warehouse / "done").touch()
    with read_warehouse(database) as opened:
        runs = {name: opened.run_in_use(name) for name in MODELS}
        as_of = opened.as_of()
        samples = {
            name: list(read_samples(unlimited(model), opened, runs[name], as_of))
            for name, model in MODELS.items()
        }
    return World(as_of, {name: run.cutoff_at for name, run in runs.items()}, samples)


def unlimited(model: ModelSettings) -> ModelSettings:
    """The model's settings, all projects read: resamples are limited later."""
    return dataclasses.replace(
        model, split=dataclasses.replace(model.split, max_train_projects=10_000_000)
    )


def run(*command: str | Path, folder: Path) -> None:
    """Runs a command; ends the benchmark with its output when it fails."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "ESCROW"))}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


def resamples(world: World, size: int, count: int) -> Iterator[Samples]:
    """Yields smaller platforms: a random share of all projects, each with all its rows.

    So large a share that `size` projects are in the current window of `d3`. Without replacement: a
    window drawn with replacement would differ from the reference more than a real one.
    """
    rng = np.random.default_rng((SEED, size))
    first = world.samples["project_success"][0]
    drift_settings = MODELS["project_success"].drift
    window = first.window(world.as_of, drift_settings.window_days[0], drift_settings.min_entities)
    current = first.recent_projects[window]
    if size >= len(current):
        sys.exit(f"the large world has only {len(current)} current projects; raise LARGE_SCALE")
    last = max(
        int(projects.max(initial=0))
        for samples in world.samples.values()
        for sample in samples
        for projects in (sample.reference_projects, sample.recent_projects)
    )
    for _ in range(count):
        ticket = rng.random(last + 1)
        share = np.partition(ticket[current], size)[size]
        yield {
            name: [thinned(sample, ticket < share, MODELS[name]) for sample in samples]
            for name, samples in world.samples.items()
        }


def thinned(sample: Sample, kept: np.ndarray, model: ModelSettings) -> Sample:
    """The rows of the projects kept, no more of them than the monitor reads."""
    then = np.flatnonzero(kept[sample.reference_projects])[: model.split.max_train_projects]
    now = np.flatnonzero(kept[sample.recent_projects])

    def rows(columns: dict[str, Any], places: np.ndarray) -> dict[str, Any]:
        return {
            name: values[places] if name in sample.numbers else [values[i] for i in places.tolist()]
            for name, values in columns.items()
        }

    return sample._replace(
        reference=rows(sample.reference, then),
        recent=rows(sample.recent, now),
        known_at=sample.known_at[now],
        reference_projects=sample.reference_projects[then],
        recent_projects=sample.recent_projects[now],
    )


def any_alarm(samples: Samples, as_of: datetime) -> tuple[bool, bool]:
    """Tells whether the monitor alarms, and whether the 20 % rule on means would."""
    monitor = naive = False
    for name, model in MODELS.items():
        for finding in Watch(model.drift, samples[name]).findings(as_of):
            monitor |= finding.is_alert
            shift = finding.shift.mean_shift
            naive |= finding.is_watched and shift is not None and abs(shift) > 0.2
    return monitor, naive


def seen(
    model: ModelSettings, samples: list[Sample], factor: float, as_of: datetime
) -> dict[tuple[str, str], bool]:
    """Tells, for each watched number that varies, whether it alarms once multiplied alone."""
    watch = Watch(model.drift, samples)
    family = [finding for finding in watch.findings(as_of) if finding.is_watched]
    found = {}
    for sample in samples:
        window = sample.window(as_of, model.drift.window_days[0], model.drift.min_entities)
        for place, finding in enumerate(family):
            name = finding.feature
            if (
                finding.snapshot_kind != sample.snapshot_kind
                or name not in sample.numbers
                or name == PREDICTION
            ):
                continue
            reference = sample.reference[name]
            if len(np.unique(reference[~np.isnan(reference)])) <= 2:
                continue  # never known yet at this snapshot kind, or yes and no
            changed = sample.recent[name][window] * factor
            found[name, sample.snapshot_kind] = alarms(model, family, place, reference, changed)
    return found


def alarms(
    model: ModelSettings, family: list[Finding], place: int, reference: Any, changed: Any
) -> bool:
    """Judges one changed feature among the others as they were."""
    shift = drift.Numbers(reference).compare(changed, model.drift.bound_errors)
    p_values = np.array([finding.shift.p_value for finding in family])
    p_values[place] = shift.p_value
    is_evident = stats.false_discovery_control(p_values)[place] <= model.drift.significance
    by_mean = (shift.capped_low or 0) > model.drift.capped_shift_threshold
    return bool(is_evident and (by_mean or shift.psi_low > model.drift.psi_threshold))


def nannyml_alarms(world: World, size: int) -> str:
    """Share of runs in which NannyML's default alarms on the watched project features at d3."""
    python = os.environ.get("NANNYML_PYTHON")
    if not python:
        return "-"
    watched = [
        name
        for name in world.samples["project_success"][0].reference
        if name not in MODELS["project_success"].drift.report_only
    ]
    with tempfile.TemporaryDirectory() as name:
        for number, samples in enumerate(resamples(world, size, NANNYML_RESAMPLES)):
            sample, model = samples["project_success"][0], MODELS["project_success"]
            window = sample.window(
                world.as_of, model.drift.window_days[0], model.drift.min_entities
            )
            current = {column: sample.recent[column][window] for column in watched}
            pd.DataFrame({column: sample.reference[column] for column in watched}).to_parquet(
                Path(name) / f"{number}.reference.parquet"
            )
            pd.DataFrame(current).to_parquet(Path(name) / f"{number}.current.parquet")
        script = Path(__file__).with_name("nannyml_default.py")
        done = subprocess.run(
            [python, "-W", "ignore", script, name], capture_output=True, text=True, check=True
        )
    return percent(float(done.stdout.split()[-1]), NANNYML_RESAMPLES)


def percent(share: float, count: int) -> str:
    """A share with its Monte-Carlo standard error; of none, the 95 % bound."""
    if share in (0, 1):
        bound = f"< {300 / count:.1f}" if share == 0 else f"> {100 - 300 / count:.1f}"
        return f"{100 * share:.0f} % ({bound})"
    return f"{100 * share:.1f} ± {100 * math.sqrt(share * (1 - share) / count):.1f} %"


def budget_table(world: World) -> Iterator[str]:
    """One row per size of the platform: false alarms of three monitors, and power."""
    columns = (
        *("current projects", "any false alarm", "20 % rule on means", "NannyML's default"),
        *("one feature multiplied by", "detected in project features: least, median"),
        "detected in milestone features (windows 0.4 times as large): least, median",
    )
    yield "| " + " | ".join(columns) + " |"
    yield "|---|---|---|---|---|---|---|"
    for size, factor in SIZES.items():
        false = np.array([
            any_alarm(samples, world.as_of) for samples in resamples(world, size, RESAMPLES)
        ]).mean(axis=0)  # fmt: skip
        power: dict[str, list[float]] = {}
        rows: dict[str, list[Any]] = {name: [] for name in MODELS}
        for samples in resamples(world, size, POWER_RESAMPLES):
            for name, model in MODELS.items():
                rows[name].append(seen(model, samples[name], factor, world.as_of))
        for name, found in rows.items():
            table = pd.DataFrame(found).mean()
            power[name] = [float(table.min()), float(table.median())]
        cells = [f"{size:,}", *(percent(float(share), RESAMPLES) for share in false)]
        cells += [nannyml_alarms(world, size), f"{factor:g}"]
        cells += [f"{100 * least:.0f} %, {100 * median:.0f} %" for least, median in power.values()]
        yield "| " + " | ".join(cells) + " |"


def weekly(world: World, name: str) -> list[tuple[datetime, str, str, bool]]:
    """The monitor's findings on one model in every week after its cut: week, feature, kind."""
    watch = Watch(MODELS[name].drift, world.samples[name])
    day = world.cutoffs[name].replace(hour=0, minute=0, second=0, microsecond=0)
    week, found = day + timedelta(days=7 - day.weekday()), []
    while week <= world.as_of:
        for finding in watch.findings(week):
            found.append((week, finding.feature, finding.snapshot_kind, finding.is_alert))
        week += timedelta(weeks=1)
    return found


def backtest(world: World, scenario: str) -> tuple[str, dict[str, Any]]:
    """The row of the table and the part of the page for one platform."""
    weeks = {name: weekly(world, name) for name in MODELS}
    onset = ONSET if scenario != "steady" else None
    tested = {name: sorted({when for when, *_ in rows}) for name, rows in weeks.items()}
    alarmed = {
        name: sorted({when for when, *_, alert in rows if alert}) for name, rows in weeks.items()
    }
    quiet = [when for name in weeks for when in tested[name] if not onset or when <= onset]
    false = [when for name in weeks for when in alarmed[name] if not onset or when <= onset]
    cells = [f"`{scenario}`", f"{len(false)} of {len(quiet)}"]
    if onset is None:
        cells += ["-", "-"]
    else:
        first = min(
            ((when, feature, kind) for rows in weeks.values()
             for when, feature, kind, alert in rows if alert and when > onset), default=None
        )  # fmt: skip
        moved = {f for rows in weeks.values() for when, f, _, alert in rows if alert}
        if first is None:
            cells += ["never", "-"]
        else:
            late = math.ceil((first[0] - onset) / timedelta(weeks=1))
            cells += [f"{late} weeks: {first[1]} at {first[2]}", ", ".join(sorted(moved))]
    summary = f"False alarms in {cells[1]} quiet weeks."
    if onset:
        summary += f" First alarm after the onset: {cells[2]}."
    charts = [(name, alarm_chart(rows, onset=onset)) for name, rows in weeks.items() if rows]
    page = {"scenario": scenario, "summary": summary, "charts": charts}
    return "| " + " | ".join(cells) + " |", page


def main() -> None:
    """Measures, then rewrites the section of docs/monitoring.md and the page of the backtest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, required=True, help="folder of the pages")
    parser.add_argument("--worlds", type=Path, help="keep the generated platforms here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.worlds or Path(name)
        rows, pages = [], []
        for scenario in SCENARIOS:
            world = read_world(folder, scenario, BACKTEST_SCALE, BACKTEST_SEED)
            row, page = backtest(world, scenario)
            rows.append(row)
            pages.append(page)
            print(row, flush=True)
        budget = []
        for row in budget_table(read_world(folder, "steady", LARGE_SCALE, LARGE_SEED)):
            budget.append(row)
            print(row, flush=True)
    head = [
        "| platform | weeks with a false alarm | first alarm after the onset |"
        " features that ever drifted |",
        "|---|---|---|---|",
    ]
    page_file = options.site / "monitoring" / "backtest.html"
    write_text(page_file, render(
        "monitoring_backtest.html.jinja",
        projects=200 * BACKTEST_SCALE, onset=f"{ONSET:%Y-%m-%d}", worlds=pages,
    ))  # fmt: skip
    text = "\n".join([*budget, "", *head, *rows])
    MONITORING.write_text(write_section(MONITORING.read_text(), "monitor", text))
    print(f"-> {MONITORING}, {page_file}")


if __name__ == "__main__":
    main()
