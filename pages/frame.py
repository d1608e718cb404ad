"""What every page says at its top: how old the data are, and how far they can be trusted."""

from datetime import datetime
from typing import NamedTuple

from pages import reconciliation
from pages.formats import counted, skill
from pages.published import Published

_GATES = """
    select
        count(*) as expectation_count,
        count(*) filter (not success and severity = 'warn') as warning_count
    from quality.validation_results
    where run_id = (select max_by(run_id, validated_at) from quality.validation_results)"""
_MODELS = """
    select model_name, case when status = 'trained' then skill_state end as skill_state
    from intermediate.int_models_in_use order by model_name desc"""


class Check(NamedTuple):
    """A reason to trust what the site shows, or not to.

    Attributes:
        tone: `passed`, `warning` or `error`.
        result: In a few words.
        subject: What was checked.
        page: The page that shows more, from the folder of the site.
    """

    tone: str
    result: str
    subject: str
    page: str


class Frame(NamedTuple):
    """What the frame of every page shows."""

    as_of: datetime
    checks: tuple[Check, ...]

    @property
    def tone(self) -> str:
        """Returns the worst tone of the checks."""
        tones = [check.tone for check in self.checks]
        return next((each for each in ("error", "warning") if each in tones), "passed")

    @property
    def verdict(self) -> str:
        """Returns how many of the checks hold."""
        passed = sum(check.tone == "passed" for check in self.checks)
        return f"Trust: {passed} of {len(self.checks)} checks passed"


def read(published: Published) -> Frame:
    """Returns the frame for the published tables."""
    [(expectations, warnings)] = published.fetch(_GATES)
    sums = reconciliation.totals(published)
    differing = sums["exception_count"]
    gates = Check(
        "passed",
        f"passed, {counted(warnings, 'warning')}" if warnings else "passed",
        f"Validation: {expectations:,} expectations of the data",
        "validation/index.html",
    )
    ledger = Check(
        "error" if differing else "passed",
        f"{differing:,} with a difference" if differing else "passed",
        f"Ledger of {counted(sums['project_count'], 'project')} against pledges and backers'"
        " balances",
        "money/index.html",
    )
    models = (
        Check(
            "passed" if state == "proven" else "warning",
            skill(state),
            f"Model {name}",
            "models/index.html",
        )
        for name, state in published.fetch(_MODELS)
    )
    return Frame(published.as_of(), (gates, ledger, *models))
