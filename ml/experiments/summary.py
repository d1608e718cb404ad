"""What the stage `experiment` says on the screen."""

from ml.containment import Failure
from ml.experiments.analysis import PRIMARY
from ml.experiments.experiment import Experimented
from ml.experiments.readout import Reading


def experimented_lines(found: list[Experimented | Failure]) -> list[str]:
    """Says for every experiment what its last look says."""
    if not found:
        return [
            "no exposures: core.fct_experiment_exposures is empty, so there is nothing to analyse"
            " (the export has no experiment_exposures file, or nothing before AS_OF)"
        ]
    return [line for each in found for line in _lines(each)]


def _lines(found: Experimented | Failure) -> list[str]:
    if isinstance(found, Failure):
        return [str(found)]
    name = f"{found.design.name}{' (exploratory)' if found.design.plan is None else ''}"
    primary = [row for row in found.rows if row.metric_role == PRIMARY]
    if not primary:
        return [
            f"{name}: nothing to see by AS_OF of backers first seen in the"
            f" {found.design.enrol_days} days from {found.design.starts_at:%Y-%m-%d}"
        ]
    last = {row.treatment: row for row in primary}
    where = " -> ml.experiment_results" if found.added_count else ", as known"
    return [f"{name}: {_words(row)}{where}" for row in last.values()]


def _words(row: Reading) -> str:
    if not row.look_number:
        return f"{row.decision}: {row.reason}"
    return (
        f"{row.treatment} against {row.control}, look {row.look_number} ({row.look_at:%Y-%m-%d}),"
        f" {row.treatment_backer_count:,} and {row.control_backer_count:,} backers:"
        f" {row.decision}: {row.reason}"
    )
