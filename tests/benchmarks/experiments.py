"""Measures what the tests of experiments promise: false positives, coverage, size, bias, speed.

Every figure is printed with the bound it must keep and its Monte-Carlo error (one standard error);
the exit code is 1 when one does not keep it. Seeded: the same figures in every run.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from math import ceil, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from scipy import stats

from ml.containment import Units
from ml.context import RunContext
from ml.experiments import design, designs, experiment, exposures, readout, sequential
from ml.experiments.analysis import METRICS, sample_ratio_p_value
from ml.experiments.experiment import Experimented
from ml.warehouse import Warehouse, open_warehouse, read_warehouse
from tests.benchmarks.simulated_experiments import (
    ALPHA,
    BASE,
    BATCH,
    LOOKS,
    Outcome,
    Runs,
    assert_as_in_production,
    simulate,
    stop,
    tested,
    true_difference,
)
from tests.conftest import Workshop
from tests.ml import ml_state

SEED = 20_240_101
AA_RUNS = 40_000
LIFTED_RUNS = 5_000
SIZE_RUNS = 40_000
RATIO_RUNS, RATIO_BATCH = 200_000, 10_000
EXPOSURES = 1_000_000
TRUTH_SEEDS = (1, 2, 3)
LIFT = 0.15  # as the generator is configured
STOP_SEEDS, STOP_SCALE = range(91_100, 91_300), 30


class Figure(NamedTuple):
    """One line: what was measured, its error, and the interval it must lie in."""

    name: str
    value: float
    error: float
    low: float
    high: float
    form: str = ".2%"

    @property
    def is_kept(self) -> bool:
        return self.low <= self.value <= self.high

    def __str__(self) -> str:
        verdict = {True: "kept", False: "BROKEN"}[self.is_kept]
        low = "" if self.low == -np.inf else format(self.low, self.form) + " to "
        high = "any" if self.high == np.inf else format(self.high, self.form)
        value, error = format(self.value, self.form), format(self.error, self.form)
        return f"{self.name:<64} {value:>9} ± {error:<8} {low}{high:<9} {verdict}"


def at_most(name: str, hits: Any, bound: float, form: str = ".2%") -> Figure:
    """A share that may exceed its bound by two of its standard errors."""
    share, error = _share(hits)
    highest = bound + 2 * sqrt(bound * (1 - bound) / len(hits))
    return Figure(name, share, error, -np.inf, highest, form)


def _share(hits: Any) -> tuple[float, float]:
    share = float(np.mean(hits))
    return share, sqrt(share * (1 - share) / len(hits))


def false_positives_and_coverage(rng: np.random.Generator) -> Iterator[Figure]:
    """A/A tests, then repeated intervals under lifts, with the registered plan's information."""
    pilot = next(simulate(np.random.default_rng(SEED + 1), BATCH, 0.0))
    planned = float(np.mean(pilot.error[:, -1] ** -2))
    for lift in (0.0, 0.05, 0.15, 0.3):
        truth = true_difference(lift)
        parts, fixed, rows, peeked = [], [], [], []
        for found in simulate(rng, AA_RUNS if lift == 0 else LIFTED_RUNS, lift):
            critical = tested(found.error**-2, planned)
            if not parts:
                assert_as_in_production(found, critical, planned)
            parts.append(stop(found, critical, truth))
            z = np.abs(found.difference / found.error)
            fixed.append(z[:, -1] >= 1.959964)
            rows.append(np.abs(found.difference / found.row_error)[:, -1] >= 1.959964)
            peeked.append((z >= 1.959964).any(axis=1))
        total = Outcome(*(np.concatenate(each) for each in zip(*parts, strict=True)))
        if lift == 0:
            share, error = _share(np.concatenate(fixed))
            yield Figure("A/A, fixed horizon, clustered by backer", share, error, 0.046, 0.054)
            yield at_most("A/A, a look on each of 28 days", total.crossed, ALPHA)
            yield _known("  the same without correction", np.concatenate(peeked))
            yield _known("  fixed horizon, views as if independent", np.concatenate(rows))
        count = len(total.covered)
        share, error = _share(total.covered)
        bound = 0.95 - 2 * sqrt(0.95 * 0.05 / count)
        yield Figure(
            f"repeated interval covers at the stop, lift {lift:+.0%}", share, error, bound, 1
        )
        yield _known(f"  naive interval there, lift {lift:+.0%}", total.naive_covered)
        if lift:
            early = total.estimate[total.crossed_up] / truth
            error = float(early.std() / sqrt(len(early)))
            name = f"  estimate over truth after a stop, lift {lift:+.0%}"
            yield Figure(name, float(early.mean()), error, -np.inf, np.inf)


def _known(name: str, hits: Any) -> Figure:
    return Figure(name, *_share(hits), -np.inf, np.inf)


def expected_size(rng: np.random.Generator) -> Iterator[Figure]:
    """Views per arm until the stop, at the lift that the plan is for, with power 90 %."""
    lift, power = 0.15, 0.9
    single = design.sample_size(BASE, lift, power=power)
    times = sequential.inflation(LOOKS, alpha=ALPHA, power=power)
    yield Figure("largest size over that of one look, 28 looks", times, 0.0, 1.0, 1.0475, ".4f")
    most = ceil(single * times)
    views = np.round(most * np.arange(1, LOOKS + 1) / LOOKS)
    new = np.diff(views, prepend=0).astype(np.int64)
    planned = (stats.norm.isf(ALPHA / 2) + stats.norm.ppf(power)) ** 2 * times / (BASE * lift) ** 2
    parts = []
    for _ in range(0, SIZE_RUNS, BATCH):
        rates = [
            np.cumsum(rng.binomial(new, rate, (BATCH, LOOKS)), axis=1) / views
            for rate in (BASE, BASE * (1 + lift))
        ]
        spread = sum(rate * (1 - rate) / views for rate in rates)
        found = Runs(rates[1] - rates[0], np.sqrt(spread), np.sqrt(spread))
        critical = tested(found.error**-2, planned)
        parts.append(stop(found, critical, BASE * lift))
    total = Outcome(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    size = views[total.stop] / single
    error = float(size.std() / sqrt(len(size)))
    yield Figure(f"mean size over {single:,} at +15 %", float(size.mean()), error, 0, 0.73, ".4f")
    share, error = _share(total.crossed_up)
    yield Figure("power there", share, error, 0.89, 1)


def sample_ratio(rng: np.random.Generator) -> Iterator[Figure]:
    """Fair assignments, checked on each of 28 days."""
    alpha, arms = 0.001, {"control": 1, "treatment": 1}
    counts = 150 * np.arange(1, LOOKS + 1)
    critical = sequential.boundaries(counts, alpha * np.arange(1, LOOKS + 1) / LOOKS)
    threshold = 2 * stats.norm.sf(critical)
    spent, naive = [], []
    for _ in range(0, RATIO_RUNS, RATIO_BATCH):
        control = np.cumsum(rng.binomial(150, 0.5, (RATIO_BATCH, LOOKS)), axis=1)
        smaller = np.minimum(control, counts - control)
        p_value = np.minimum(2 * stats.binom.cdf(smaller, counts, 0.5), 1.0)
        spent.append((p_value <= threshold).any(axis=1))
        naive.append((p_value <= alpha).any(axis=1))
    first = {"control": int(control[0, 3]), "treatment": int(counts[3] - control[0, 3])}
    np.testing.assert_allclose(sample_ratio_p_value(first, arms, "treatment"), p_value[0, 3])
    broken = np.concatenate(spent)
    yield at_most("sample-ratio false positives, 28 looks", broken, alpha, ".4%")
    yield _known("  the same at .001 on each day", np.concatenate(naive))


def speed(rng: np.random.Generator) -> Iterator[Figure]:
    """One million exposures of 100,000 backers, all looks and metrics, after import."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "escrow.duckdb"
        write_exposures(path, int(rng.integers(2**31)))
        registered = designs.load()
        large = registered.registered["highlight_projects"]
        assert large.plan is not None
        # a plan so demanding that no look is the last: all of them are analysed
        large = replace(large, plan=replace(large.plan, lift=0.001))
        registered = replace(registered, registered={large.name: large})
        install_ml(path)
        with open_warehouse(path) as warehouse:
            begin = time.process_time()
            found = analysed(registered, warehouse)
            seconds = time.process_time() - begin
    assert found.rows[-1].look_number == large.look_count
    yield Figure("CPU seconds for 1,000,000 exposures", seconds, 0.0, 0.0, 2.0, ".2f")


def analysed(registered: designs.Designs, warehouse: Warehouse) -> Experimented:
    """Runs the stage on the one experiment there is."""
    context = RunContext("bench", datetime(2024, 1, 2))
    [found] = experiment.run(registered, warehouse, context, units=Units(warehouse, context))
    assert isinstance(found, Experimented), found
    return found


def install_ml(path: Path) -> None:
    """Puts the tables and views of ml beside those that the analysis reads."""
    ml_state.load(path.parent, Workshop(path.parent / "workshop"))
    with duckdb.connect(str(path)) as connection:
        ml_state.install(connection)


def write_exposures(path: Path, seed: int) -> None:
    """Writes the tables that the analysis reads: a platform where a view converts at 5 %."""
    with duckdb.connect(
        str(path), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        connection.execute(f"""
            create schema core;
            create table core.warehouse_as_of as select timestamp '2024-01-01' as as_of;
            create table core.fct_experiment_exposures as
            select
                row_number as exposure_id, 'highlight_projects' as experiment,
                if(backer_id % 2 = 0, 'control', 'treatment') as variant, backer_id, project_id,
                exposed_at, if(hash(row_number, 1) % 20 = 0, row_number, null) as pledge_id
            from (
                select
                    range as row_number, cast(hash(range, {seed}) % 100000 as bigint) as backer_id,
                    cast(hash(range, {seed} + 1) % 2000 as bigint) as project_id,
                    timestamp '2023-11-06' + to_microseconds(
                        cast(hash(range, {seed} + 2) % (56 * 86400000000) as bigint)) as exposed_at
                from range({EXPOSURES})
            );
            create table core.fct_pledges as
            select pledge_id, project_id, backer_id,
                cast(5 + hash(pledge_id) % 20000 / 100 as decimal(18, 2)) as amount,
                exposed_at + interval 10 minute as pledged_at
            from core.fct_experiment_exposures where pledge_id is not null""")


def truth(_: np.random.Generator) -> Iterator[Figure]:
    """Estimates on generated platforms beside what is true there.

    The lift is configured; what highlighting does to the money of all is the difference of two
    worlds of the same seed, all highlighted and none, which no experiment sees.
    """
    for seed in TRUTH_SEEDS:
        with tempfile.TemporaryDirectory() as name:
            last, effects = analysed_world(Path(name), seed)
        for metric, effect_name in (
            ("conversion_ratio", "highlight_lift"),
            ("elsewhere_amount_per_backer", "all_against_none_never_highlighted_amount"),
            ("net_amount_per_backer", "all_against_none_amount_per_backer"),
        ):
            row, (configured, realised) = last[metric], effects[effect_name]
            true = realised if configured is None else configured
            # half an interval stands for the error; the truth must lie in the whole
            error = (row.lift_ratio_high - row.lift_ratio_low) / (2 * 1.96)
            title = f"seed {seed}, {metric}, truth {true:+.1%}"
            slack = 3 * error
            yield Figure(title, row.lift_ratio, error, true - slack, true + slack, "+.1%")


def lift_at_the_stop(_: np.random.Generator) -> Iterator[Figure]:
    """Bias, in points, of the lift at the stop: it must speak for the registered population."""
    registered = designs.load().registered["highlight_projects"]
    stopped, complete = [], []
    for seed in STOP_SEEDS:
        with tempfile.TemporaryDirectory() as name:
            path = generated_world(Path(name), seed, STOP_SCALE, with_truth=False)
            with read_warehouse(path) as warehouse:
                looks = exposures.looks(warehouse, registered, datetime(2024, 1, 1))
        rows = [row for row in readout.read(registered, looks) if row.metric == METRICS[0].name]
        stop_row = next((row for row in rows if row.decision.startswith("stop")), rows[-1])
        stopped.append(stop_row.lift_ratio)
        complete.append(rows[-1].lift_ratio)
    for name, gaps in (
        ("lift at the stop less the configured one", np.array(stopped) - LIFT),
        ("less that of the registered population", np.subtract(stopped, complete)),
    ):
        error = float(gaps.std(ddof=1) / sqrt(len(gaps)))
        yield Figure(name, float(gaps.mean()), error, -0.01, 0.01, "+.2%")


def analysed_world(folder: Path, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Generates a platform with its truth; returns the last look by metric, and true effects."""
    path = generated_world(folder, seed, 10, with_truth=True)
    with duckdb.connect() as connection:
        effects = connection.execute(
            f"select effect, configured, realised from '{folder}/truth/truth_effects.parquet'"
        ).fetchall()
    install_ml(path)
    with open_warehouse(path) as warehouse:
        found = analysed(designs.load(), warehouse)
    # money beside highlighting is rare: the last look has the most of it
    return {row.metric: row for row in found.rows}, {row[0]: row[1:] for row in effects}


def generated_world(folder: Path, seed: int, scale: int, *, with_truth: bool) -> Path:
    """Generates a platform and writes the tables that the analysis reads."""
    data = folder / "data"
    command = [sys.executable, "-m", "generator", "--scale", str(scale), "--seed", str(seed)]
    places = ["--format", "parquet", "--out", str(data)]
    places += ["--truth", str(folder / "truth")] * with_truth
    subprocess.run([*command, *places], check=True, capture_output=True)
    path = folder / "escrow.duckdb"
    with duckdb.connect(
        str(path), config={"storage_compatibility_version": "v1.5.0"}
    ) as connection:
        connection.execute(f"""
            set timezone = 'UTC';
            create schema core;
            create table core.warehouse_as_of as select timestamp '2024-01-01' as as_of;
            create table core.fct_experiment_exposures as
            select * replace (cast(exposed_at as timestamp) as exposed_at)
            from '{data}/experiment_exposures.parquet';
            create table core.fct_pledges as
            select * replace (cast(pledged_at as timestamp) as pledged_at)
            from '{data}/pledges.parquet'""")
    return path


def main() -> int:
    """Prints all figures; returns 1 when one of them does not keep its bound."""
    kept = True
    for part in (
        false_positives_and_coverage, expected_size, sample_ratio, speed, truth, lift_at_the_stop
    ):  # fmt: skip
        begin = time.process_time()
        for figure in part(np.random.default_rng(SEED)):
            print(figure, flush=True)
            kept &= figure.is_kept
        print(f"{part.__name__}: {time.process_time() - begin:.0f} s CPU\n", flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
