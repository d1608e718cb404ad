"""What the stage `experiment` says on the screen."""

from ml.containment import Failure
from ml.experiments.analysis import PRIMARY
from ml.experiments.designs import Design
from ml.experiments.experiment import Experimented
from ml.experiments.readout import Reading
from ml.experiments.verdicts import GO_ON


def experimented_lines(found: list[Experimented | Failure]) -> list[str]:
    """Returns, for every experiment, the result of its last interim analysis."""
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
            f" {found.design.enrol_days} days from {found.design.starts_at:%-d %b %Y}"
        ]
    last = {row.treatment: row for row in primary}
    where = " -> ml.experiment_results" if found.added_count else "; nothing new since the last run"
    return [f"{name}: {_result(row, found.design)}{where}" for row in last.values()]


def _result(row: Reading, design: Design) -> str:
    """Names the decision; the reason, with all figures, stands in the table and on the page."""
    if not row.look_number:
        return f"{row.decision}: {row.reason}"
    head = (
        f"{row.treatment} against {row.control}, look {row.look_number} ({row.look_at:%d %b %Y}):"
        f" {row.decision}"
    )
    if row.is_exploratory or row.lift_ratio is None:
        return f"{head}: {row.reason}"
    return f"{head}; {_lift(row, design)}"


def _lift(row: Reading, design: Design) -> str:
    """Returns the lift with its interval over all looks.

    When an experiment is decided no more is tested: then it is the interval of the look alone. So
    it is at the last look, whatever was tested: that look is fixed before the start.
    """
    assert row.lift_ratio is not None
    whole = row.look_number == design.look_count
    text = f"lift {'of the registered population ' if whole else ''}{100 * row.lift_ratio:+.1f} %"
    low, high = row.repeated_lift_ratio_low, row.repeated_lift_ratio_high
    if low is None and (whole or row.decision != GO_ON):
        low, high = row.lift_ratio_low, row.lift_ratio_high
    if low is None or high is None:
        return f"{text}, no interval at this look: the page says why"
    return f"{text} [{100 * low:+.1f}, {100 * high:+.1f}]"
