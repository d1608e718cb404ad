"""Puts the monitor to the test on generated platforms; writes docs/monitoring.md and a page.

`python -m tests.benchmarks.monitor steady-1-92601:60 bot_pledges-50-92801:3 --site site`: so many
platforms of a scenario, SCALE and first seed. On each the stages train, predict and monitor run
once; the weekly replay of the monitor says when it would have found what. `--found FILE` keeps the
results, so that what was measured once is not measured again.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import duckdb

from ml import settings
from ml.cli import main as ml
from ml.monitoring.samples import MATURED
from pages import monitoring_charts
from pages.rendering import render
from pages.site import write_text
from tests import declared
from tests.benchmarks.whole_run import ROOT, write_section
from tests.conftest import Workshop
from tests.rebuilds import Template

MONITORING = ROOT / "docs" / "monitoring.md"
AS_OF, ONSET = datetime(2024, 1, 1), datetime(2023, 7, 1)
CONTINUOUS = ("steady", "tide")  # scenarios without an onset
PROJECTS = "project_success"
DEFAULT = (
    *("steady-1-92601:60", "steady-10-92501:30", "tide-30-92701:1", "new_category-10-92811:2"),
    *("price_shift-10-92821:2", "price_shift-50-92841:1", "quality_drop-10-92831:2"),
    "bot_pledges-50-92801:3",
)
MODELS = {model.name: model for model in settings.load(settings.DEFAULT_PATH, declared.catalogue())}

_ALERTS = """
    select model_name, week_at, feature, snapshot_kind from ml.drift_replays where is_alert
    union all
    select model_name, as_of, feature, snapshot_kind from ml.drift_alarms
    order by all"""
_TESTED = """
    select model_name, week_at from ml.drift_replays where is_alert is not null group by all
    union
    select model_name, as_of from ml.drift_checks where status <> 'not tested'
    order by all"""
_CUSTOMARY = """
    select count(*) from ml.drift_stats
    semi join ml.drift_replays using (model_name, feature)
    where statistic = 'relative_mean_shift' and abs(value) > threshold"""
_LEVELS = """
    select model_name,
        max(value) filter (statistic = 'mean_predicted_probability'),
        max(value) filter (statistic = 'observed_share'), max(current_count)
    from ml.drift_stats where feature = 'calibration_level' group by all order by all"""


class Group(NamedTuple):
    """Platforms that differ in their seed."""

    scenario: str
    scale: int
    first: int
    count: int

    @classmethod
    def named(cls, name: str) -> "Group":
        """Reads SCENARIO-SCALE-FIRST_SEED:COUNT."""
        scenario, scale, seeds = name.rsplit("-", 2)
        first, _, count = seeds.partition(":")
        return cls(scenario, int(scale), int(first), int(count or 1))

    @property
    def cells(self) -> list[str]:
        """Returns scenario, projects and seeds, as the tables have them."""
        last = self.first + self.count - 1
        seeds = f"{self.first}-{last}" if self.count > 1 else str(self.first)
        return [f"`{self.scenario}`", f"{200 * self.scale:,}", seeds]


class Alert(NamedTuple):
    """One alert of one week."""

    model: str
    week: str
    feature: str
    kind: str

    @property
    def at(self) -> datetime:
        """Returns the end of the week."""
        return datetime.fromisoformat(self.week)

    @property
    def subject(self) -> str:
        """Returns what was compared."""
        if self.feature.startswith("calibration"):
            return "calibration"
        return "outcomes" if self.kind == MATURED else "features"


class Found(NamedTuple):
    """What the monitor found on one platform: in which weeks it tested, and its alerts.

    `customary` tells whether the 20 % rule on means would have raised an alert at AS_OF; `levels`
    has model, mean predicted probability, observed share and number of recent outcomes.
    """

    tested: list[tuple[str, str]]
    alerts: list[Alert]
    customary: bool
    levels: list[tuple[str, float, float, int]]

    @classmethod
    def read(cls, database: Path) -> "Found":
        """Reads what one run of the monitor wrote."""
        with duckdb.connect(str(database), read_only=True) as connection:
            alerts, tested, customary, levels = (
                connection.execute(sql).fetchall()
                for sql in (_ALERTS, _TESTED, _CUSTOMARY, _LEVELS)
            )
        return cls(
            [(name, week.isoformat()) for name, week in tested],
            [Alert(name, week.isoformat(), *place) for name, week, *place in alerts],
            customary[0][0] > 0,
            levels,
        )

    @classmethod
    def kept(cls, line: dict[str, Any]) -> "Found":
        """Takes it from a line of JSON."""
        return cls(**line | {"alerts": [Alert(*alert) for alert in line["alerts"]]})


class Bench:
    """Builds platforms, one after the other, with the SQL that dbt compiled for the first."""

    def __init__(self, folder: Path, kept: Path | None) -> None:
        """Reads what was measured before."""
        self._folder, self._file = folder, kept
        self._shop = Workshop(folder / "workshop")
        lines = kept.read_text().splitlines() if kept and kept.exists() else []
        found = map(json.loads, lines)
        self._kept = {line.pop("platform"): Found.kept(line) for line in found}

    def found(self, group: Group) -> Iterator[Found]:
        """Yields what the monitor found on each platform of a group."""
        for seed in range(group.first, group.first + group.count):
            name = f"{group.scenario}-{group.scale}-{seed}"
            if name not in self._kept:
                started = time.perf_counter()
                self._kept[name] = self._measure(group, seed)
                alerts = len(self._kept[name].alerts)
                print(
                    f"{name}: {alerts} alerts ({time.perf_counter() - started:.0f} s)", flush=True
                )
                if self._file:
                    with self._file.open("a") as file:
                        line = {"platform": name, **self._kept[name]._asdict()}
                        file.write(json.dumps(line) + "\n")
            yield self._kept[name]

    def _measure(self, group: Group, seed: int) -> Found:
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            data, models = Path(name) / "data", Path(name) / "models"
            choice = {"scale": group.scale, "seed": seed, "scenario": group.scenario, "out": data}
            options = chain(*((f"--{key}", str(value)) for key, value in choice.items()))
            self._shop.python("generator", *options)
            database = self._built(data)
            places = ("--db", str(database), "--models", str(models), "--run-id", "bench")
            with redirect_stdout(sys.stderr):
                code = ml(["train", "predict", "monitor", *places])
            if code:
                sys.exit(f"ml failed on {group.scenario}-{group.scale}-{seed}")
            return Found.read(database)

    def _built(self, data: Path) -> Path:
        self._shop.clear()
        self._shop.land(data, as_of=AS_OF)
        seeds = sorted(path.stem for path in self._shop.warehouse.glob("landed/seeds/*.csv"))
        template = self._folder / "-".join(seeds)
        if not template.exists():
            Template.build(self._shop, data, template, as_of=AS_OF)
        return Template.at(template).fill(self._shop)


def percent(share: float, count: int) -> str:
    """A share with its Monte-Carlo standard error; of none, the 95 % bound."""
    if share in (0, 1):
        bound = f"< {300 / count:.1f}" if share == 0 else f"> {100 - 300 / count:.1f}"
        return f"{100 * share:.0f} % ({bound})"
    return f"{100 * share:.1f} ± {100 * math.sqrt(share * (1 - share) / count):.1f} %"


def steady_row(group: Group, found: list[Found]) -> list[str]:
    """False alerts per run."""
    alerts = [{alert.subject for alert in each.alerts} for each in found]
    subjects = sorted(set().union(*alerts))
    tested = sum(bool(each.tested) for each in found)
    return [
        *group.cells,
        f"{tested} of {len(found)}",
        percent(sum(map(bool, alerts)) / len(found), len(found)),
        ", ".join(f"{name} {sum(name in each for each in alerts)}" for name in subjects) or "-",
        percent(sum(each.customary for each in found) / len(found), len(found)),
    ]


def scenario_row(group: Group, found: list[Found]) -> list[str]:
    """Delay of the first alert of the model of projects; false alerts before the onset."""
    onset = None if group.scenario in CONTINUOUS else ONSET
    false = [each for each in found if onset and any(a.at <= onset for a in each.alerts)]
    # the scenarios change campaigns: an alert of the other model would be found by chance
    after = [
        [a for a in each.alerts if a.model == PROJECTS and (not onset or a.at > onset)]
        for each in found
    ]
    first = [min(alerts, default=None, key=lambda a: a.at) for alerts in after]
    if onset:
        weeks = [math.ceil((a.at - onset) / timedelta(weeks=1)) if a else math.inf for a in first]
        seen = ", ".join("never" if math.isinf(week) else f"{week:.0f}" for week in sorted(weeks))
        seen += f" weeks (median {median(weeks):.0f})" if math.isfinite(median(weeks)) else ""
    else:
        seen = ", ".join(f"{a.at:%Y-%m-%d}" if a else "never" for a in first)
    by = sorted({f"{a.feature} at {a.kind}" for a in first if a})
    levels = [
        f"{100 * predicted:.1f} / {100 * observed:.1f} % of {count:,}"
        for each in found
        for name, predicted, observed, count in each.levels
        if name == PROJECTS
    ]
    before = f"{len(false)} of {len(found)}" if onset else "-"
    return [*group.cells, before, seen, ", ".join(by) or "-", "; ".join(levels) or "-"]


def table(head: Iterable[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """The lines of a table."""
    head = list(head)
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    yield from ("| " + " | ".join(row) + " |" for row in rows)


def shown(group: Group, each: Found) -> dict[str, Any]:
    """One platform for the page: a chart for each model."""
    charts = []
    onset = None if group.scenario in CONTINUOUS else ONSET
    for name in dict.fromkeys(model for model, _ in each.tested):
        weeks = [datetime.fromisoformat(week) for model, week in each.tested if model == name]
        marks = [monitoring_charts.week("weeks tested", "no drift", at) for at in weeks]
        marks += [
            monitoring_charts.week(f"{a.feature} ({a.kind})", "alert", a.at)
            for a in each.alerts
            if a.model == name
        ]
        chart = monitoring_charts.drift(
            f"{group.scenario}-{group.scale}-{name}", marks, onset=onset
        )
        charts.append((name, chart))
    scenario, projects, _ = group.cells
    return {"scenario": scenario.strip("`"), "projects": projects, "charts": charts}


def main() -> None:
    """Measures, then rewrites the section of docs/monitoring.md and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", type=Group.named, metavar="SCENARIO-SCALE-SEED:COUNT")
    parser.add_argument("--site", type=Path, help="folder of the pages: writes the charts there")
    parser.add_argument("--found", type=Path, help="file of results, to be continued")
    options = parser.parse_args()
    groups = options.groups or [Group.named(name) for name in DEFAULT]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), options.found)
        found = {group: list(bench.found(group)) for group in groups}
    steady = [steady_row(*each) for each in found.items() if each[0].scenario == "steady"]
    others = [scenario_row(*each) for each in found.items() if each[0].scenario != "steady"]
    text = "\n".join([
        *table(("scenario", "projects", "seeds", "runs in which something was tested",
                "runs with a false alert", "of these by", "20 % rule on means"), steady), "",
        *table(("scenario", "projects", "seeds", "runs with an alert before the onset",
                "first alert after it", "by", "predicted / observed at the end"), others),
    ])  # fmt: skip
    print(text)
    MONITORING.write_text(write_section(MONITORING.read_text(), "monitor", text))
    if options.site:
        worlds = [shown(group, found[group][0]) for group in groups]
        page = render("monitoring_backtest.html.jinja", onset=f"{ONSET:%Y-%m-%d}", worlds=worlds)
        write_text(options.site / "monitoring" / "backtest.html", page)


if __name__ == "__main__":
    main()
