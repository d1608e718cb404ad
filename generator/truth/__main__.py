"""The command `python -m generator.truth`: reports on the truth of a generated world."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pa_parquet

from generator.arrays import Bools, Floats
from generator.digests import digest_of
from generator.truth.experiment import ASSIGNED, VARIANTS, lift_of
from generator.truth.schemas import STAMP, TRUTH_SCHEMAS
from generator.truth.scores import Z95, oracle_score, power
from generator.truth.success import KINDS

WRONG_CALL = 2
CLAIMED_LIFT = 0.15
WANTED_POWER = 0.8
CAVEAT = (
    "The oracle knows every latent: skill, appeal, friends, trouble. No model can, however much it",
    "learns: what it could reach at best is the observable ceiling, a strong learner trained with",
    "the same features on ten times the data of another seed. Expected accuracy is a little too",
    "high, since rare outcomes are missed by the few continuations played; observed is not.",
)
HEADER = "              rows   base   accuracy expected  observed         AUC expected  observed"


class TruthError(Exception):
    """The folder holds no complete truth; the message says what is missing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0 done, 2 the call was wrong."""
    parser = argparse.ArgumentParser(prog="python -m generator.truth", description=__doc__)
    parser.add_argument("--truth", required=True, metavar="DIR", help="as written by --truth")
    parser.add_argument("--data", metavar="DIR", help="tables that it must be the truth of")
    options = parser.parse_args(arguments)
    try:
        print("\n".join(report(Path(options.truth), Path(options.data) if options.data else None)))
    except TruthError as error:
        print(f"truth: {error}", file=sys.stderr)
        return WRONG_CALL
    return 0


def report(folder: Path, data: Path | None = None) -> list[str]:
    """Returns the lines of the report.

    Args:
        folder: The truth.
        data: Tables that it must belong to.

    Raises:
        TruthError: The folder holds no complete truth of one world, or not that of the data.
    """
    missing = [name for name in TRUTH_SCHEMAS if not (folder / f"{name}.parquet").is_file()]
    if missing:
        raise TruthError(
            f"{folder} has no {missing[0]}.parquet; write it with python -m generator --truth DIR"
        )
    _check_one_world(folder)
    settings = _settings(folder)
    if data:
        _check_belongs(folder, settings, data)
    return [
        *_world_lines(settings),
        *([f"data       {data}: this is their truth"] if data else []),
        "",
        *_snapshot_lines(folder),
        "",
        *_milestone_lines(folder),
        "",
        *CAVEAT,
        "",
        *_effect_lines(folder),
        "",
        *_power_lines(folder, int(settings["scale"] or 0)),
    ]


def _check_one_world(folder: Path) -> None:
    stamps = {name: _stamp(folder / f"{name}.parquet") for name in TRUTH_SCHEMAS}
    for name, stamp in stamps.items():
        if stamp != stamps["truth_settings"]:
            raise TruthError(
                f"{folder / name}.parquet is of another world than truth_settings.parquet beside it"
                f" ({stamp} and {stamps['truth_settings']}); write both anew with"
                " python -m generator --truth DIR"
            )


def _stamp(path: Path) -> str:
    try:
        metadata = pa_parquet.read_schema(path).metadata or {}
    except (OSError, ValueError) as error:
        raise TruthError(f"{path} cannot be read: {error}") from error
    return str(metadata.get(STAMP, b"of an unknown world").decode())


def _check_belongs(folder: Path, settings: dict[str, str | None], data: Path) -> None:
    try:
        digests = digest_of(data)
    except (OSError, ValueError, KeyError) as error:
        raise TruthError(f"{data} cannot be read as generated tables: {error}") from error
    for name, digest in digests.items():
        if settings.get(f"{name}_digest") != digest:
            raise TruthError(
                f"{folder} is the truth of SCALE={settings['scale']} SEED={settings['seed']}"
                f" SCENARIO={settings['scenario']}, to which the {name} in {data} do not belong;"
                " generate data and truth with one call of python -m generator"
            )


def _settings(folder: Path) -> dict[str, str | None]:
    table = _read(folder, "truth_settings")
    return dict(zip(table["name"], table["value"], strict=True))


def _read(folder: Path, name: str, columns: list[str] | None = None) -> dict[str, list[Any]]:
    try:
        table = pa_parquet.read_table(folder / f"{name}.parquet", columns=columns)
    except (OSError, ValueError) as error:
        raise TruthError(f"{folder / name}.parquet cannot be read: {error}") from error
    values: dict[str, list[Any]] = table.to_pydict()
    return values


def _world_lines(settings: dict[str, str | None]) -> list[str]:
    onset = settings["scenario_begins_at"]
    since = f", from {onset} on" if onset else ""
    return [
        f"truth      SCALE={settings['scale']} SEED={settings['seed']}"
        f" SCENARIO={settings['scenario']}{since}; probabilities of"
        f" {int(settings['sampled_project_count'] or 0):,} of"
        f" {int(settings['project_count'] or 0):,} projects, {settings['continuations']}"
        " continuations each"
    ]


def _snapshot_lines(folder: Path) -> list[str]:
    names = ["snapshot_kind", "is_decided", "success_probability", "is_successful"]
    table = _read(folder, "truth_snapshots", names)
    kind = np.array(table["snapshot_kind"])
    is_decided = np.array(table["is_decided"], dtype=np.bool_)
    probability = np.array(table["success_probability"], dtype=np.float64)
    is_successful = np.array(table["is_successful"], dtype=np.bool_)
    lines = []
    for title, is_kept in (
        ("oracle     success, all running campaigns", np.ones(len(kind), dtype=np.bool_)),
        ("oracle     success, still open", ~is_decided),
    ):
        lines += [title, HEADER]
        for name in KINDS:
            rows = is_kept & (kind == name)
            lines += _score_line(name, probability[rows], is_successful[rows])
    return lines


def _milestone_lines(folder: Path) -> list[str]:
    table = _read(folder, "truth_milestones", ["risk_probability", "is_high_risk"])
    risk = np.array(table["risk_probability"], dtype=np.float64)
    is_high_risk = np.array(table["is_high_risk"], dtype=np.bool_)
    return [
        "oracle     high risk of milestones, at their start",
        HEADER,
        *_score_line("start", risk, is_high_risk),
    ]


def _score_line(name: str, probability: Floats, is_positive: Bools) -> list[str]:
    if not len(probability):
        return []
    score = oracle_score(probability, is_positive)
    return [
        f"  {name:<7}{score.row_count:9,}  {score.base_rate:.3f}"
        f"             {score.expected_accuracy:.3f}  {score.accuracy:.3f} ± "
        f"{Z95 * score.accuracy_error:.3f}"
        f"         {score.expected_auc:.3f}  {score.auc:.3f} ± {Z95 * score.auc_error:.3f}"
    ]


def _effect_lines(folder: Path) -> list[str]:
    table = _read(folder, "truth_effects")
    lines = ["effects                                        configured    realised"]
    for name, configured, realised, error, unit in zip(*table.values(), strict=True):
        given = "-" if configured is None else f"{configured:+.3f}"
        found = "-" if realised is None else f"{realised:+.3f}"
        spread = "" if error is None else f" ± {Z95 * error:.3f}"
        lines.append(f"  {name:<44}{given:>10}  {found:>10}{spread:<8} {unit}")
    return lines


def _power_lines(folder: Path, scale: int) -> list[str]:
    table = _read(folder, "truth_worlds")
    arms = {}
    for row in zip(*table.values(), strict=True):
        arm = dict(zip(table, row, strict=True))
        arms[arm["world"], arm["variant"]] = arm
    control, treatment = (arms[ASSIGNED, variant] for variant in VARIANTS)
    names = ("conversion_ratio", "conversion_ratio_error")
    values = [arm[name] for arm in (control, treatment) for name in names]
    lift, error = lift_of(*(math.nan if value is None else float(value) for value in values))
    log_error = error / (1 + lift)
    found = power(CLAIMED_LIFT, log_error)
    if math.isnan(found):
        return ["power      not known: too few views led to a pledge"]
    enough = scale * ((Z95 + 0.8416) * log_error / math.log1p(CLAIMED_LIFT)) ** 2
    return [
        f"power      at {100 * CLAIMED_LIFT:+.0f} % conversion, errors clustered by backer:"
        f" {100 * found:.0f} % at SCALE={scale};"
        f" {100 * WANTED_POWER:.0f} % takes SCALE={max(1, math.ceil(enough))}"
    ]


if __name__ == "__main__":
    sys.exit(main())
