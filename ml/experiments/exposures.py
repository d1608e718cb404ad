"""An experiment as the warehouse has it: exposures, checked, and sums per look and arm."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ml.experiments.designs import Design, Experiment
from ml.experiments.sums import COLUMNS, PAIRS, Sums
from ml.warehouse import Warehouse

_MAX_NAMED = 5


class Violation(NamedTuple):
    """Exposures that no analysis may use, with the first keys."""

    problem: str
    exposure_count: int
    exposure_ids: list[int]

    def __str__(self) -> str:
        """Names what is wrong, the number of exposures and the first of them."""
        keys = ", ".join(map(str, self.exposure_ids[:_MAX_NAMED]))
        more = ", …" if self.exposure_count > _MAX_NAMED else ""
        return f"{self.problem} in {self.exposure_count:,} exposures: {keys}{more}"


class Look(NamedTuple):
    """What was known at one look.

    Attributes:
        number: Counted from the start of the experiment.
        look_at: Its timestamp (UTC); only events strictly before it count.
        exposed: Backers seen so far, by arm.
        sums: Backers whose window is over, by arm.
        first_closes_at: When the first window is over.
    """

    number: int
    look_at: datetime
    exposed: dict[str, int]
    sums: dict[str, Sums]
    first_closes_at: datetime | None = None


def experiments(warehouse: Warehouse) -> list[Experiment]:
    """Lists the experiments in the exposures, by name."""
    rows = warehouse.fetch(
        """with backers as (
            select experiment, backer_id, min(exposed_at) as first_at
            from core.fct_experiment_exposures group by all
        ),
        middles as (
            select experiment, percentile_disc(0.5) within group (order by first_at) as middle_at
            from backers group by experiment
        )
        select
            experiment, list_sort(list(distinct variant)), min(exposed_at), max(exposed_at),
            any_value(middle_at)
        from core.fct_experiment_exposures inner join middles using (experiment)
        group by experiment order by experiment"""
    )
    return [Experiment(*row) for row in rows]


def violations(warehouse: Warehouse, design: Design) -> list[Violation]:
    """Finds exposures that would make the analysis wrong.

    Landing refuses most of them; a warehouse may have been filled in another way.
    """
    rows = warehouse.fetch(
        f"""
        with exposures as not materialized (
            select exposure_id, variant, backer_id, project_id, exposed_at, pledge_id
            from core.fct_experiment_exposures where experiment = $experiment
        ),
        torn as (
            select backer_id from (select distinct backer_id, variant from exposures) as pairs
            group by backer_id having count(*) > 1
        ),
        found as (
            select exposure_id, 'unknown variant ' || variant as problem
            from exposures where not list_contains($arms, variant)
            union all
            select exposure_id, 'a backer in more than one arm'
            from exposures semi join torn on exposures.backer_id = torn.backer_id
            union all
            select exposure_id, {_PLEDGE_PROBLEM} as problem
            from exposures inner join core.fct_pledges as pledges
                on exposures.pledge_id = pledges.pledge_id
            where problem is not null
        )
        select problem, count(*), list(exposure_id order by exposure_id)[1:{_MAX_NAMED}]
        from found group by problem order by problem""",
        experiment=design.name,
        arms=list(design.arms),
    )
    return [Violation(*row) for row in rows]


_PLEDGE_PROBLEM = """case
    when exposures.exposed_at >= pledges.pledged_at then 'a view not before its pledge'
    when exposures.backer_id <> pledges.backer_id or exposures.project_id <> pledges.project_id
        then 'a pledge by another backer or on another project'
    when pledges.amount <= 0 then 'a pledge of nothing or less'
end"""


def looks(warehouse: Warehouse, design: Design, as_of: datetime) -> list[Look]:
    """Replays every look up to `as_of` from the data, however late it is asked for.

    Looks at which nobody had been seen yet are left out.
    """
    exposed: dict[int, list[tuple[Any, ...]]] = {}
    closed: dict[int, list[tuple[Any, ...]]] = {}
    for row in _sums(warehouse, design):
        closed.setdefault(row[1], []).append(row)
        exposed.setdefault(row[2], []).append(row)
    first_closes_at = min((row[4] for rows in exposed.values() for row in rows), default=None)
    seen = dict.fromkeys(design.arms, 0)
    sums = {arm: Sums() for arm in design.arms}
    found = []
    for number in range(1, design.look_count + 1):
        if design.look_at(number) > as_of:
            break
        for row in exposed.get(number, ()):
            seen[row[0]] += row[3]
        for row in closed.get(number, ()):
            sums[row[0]].add(row[3], map(int, row[5:]))
        if any(seen.values()):
            copies = {arm: each.copy() for arm, each in sums.items()}
            found.append(Look(number, design.look_at(number), dict(seen), copies, first_closes_at))
    return found


def _sums(warehouse: Warehouse, design: Design) -> list[tuple[Any, ...]]:
    """One row per arm, look that closes the window of backers, and look by which they were seen."""
    days = timedelta(days=1)
    sums = [
        *(f"sum({name})" for name in COLUMNS),
        *(f"sum({left} * {right})" for left, right in PAIRS),
    ]
    return warehouse.fetch(
        f"""{_BACKERS}
        select variant, closes, opens, count(*), min(closes_at), {", ".join(sums)}
        from backers group by variant, closes, opens order by all""",
        experiment=design.name,
        starts_at=design.starts_at,
        ends_at=design.starts_at + design.enrol_days * days,
        until=design.starts_at + (design.enrol_days + design.window_days) * days,
        viewing=design.view_days * days,
        converting=design.conversion_days * days,
        before=design.pre_days * days,
        look=design.look_days * 86_400_000_000,
    )


# One row per backer. What a backer's row holds is known when the window is over and never changes.
_BACKERS = """
    with exposures as not materialized (
        select variant, backer_id, project_id, exposed_at, pledge_id
        from core.fct_experiment_exposures
        where experiment = $experiment and exposed_at >= $starts_at and exposed_at < $until
    ),
    enrolled as (
        select
            backer_id,
            min(variant) as variant,
            min(exposed_at) as first_at,
            first_at + $viewing::interval as views_until,
            views_until + $converting::interval as closes_at
        from exposures
        group by backer_id
        having min(exposed_at) < $ends_at
    ),
    viewed as (
        select exposures.backer_id, count(*) as views
        from exposures inner join enrolled on exposures.backer_id = enrolled.backer_id
        where exposures.exposed_at < enrolled.views_until
        group by exposures.backer_id
    ),
    -- a pledge counts once, also when several views name it
    pledged as (
        select exposures.backer_id, pledges.pledge_id, pledges.amount
        from exposures
        inner join enrolled on exposures.backer_id = enrolled.backer_id
        inner join core.fct_pledges as pledges on exposures.pledge_id = pledges.pledge_id
        where exposures.pledge_id is not null
            and exposures.exposed_at < enrolled.views_until
            and pledges.pledged_at < exposures.exposed_at + $converting::interval
        group by all
    ),
    converted as (
        select
            backer_id,
            count(*) as conversions,
            sum(amount) as amount
        from pledged
        group by backer_id
    ),
    highlighted as (
        select project_id, min(exposed_at) as shown_at from exposures group by project_id
    ),
    payments as (
        select
            pledges.backer_id,
            pledges.amount,
            pledges.pledged_at < enrolled.first_at as is_before,
            coalesce(highlighted.shown_at < enrolled.closes_at, false) as is_shown
        from core.fct_pledges as pledges
        inner join enrolled on pledges.backer_id = enrolled.backer_id
        left join highlighted on pledges.project_id = highlighted.project_id
        where pledges.pledged_at >= $starts_at - $before::interval
            and pledges.pledged_at < $until
            and pledges.pledged_at >= enrolled.first_at - $before::interval
            and pledges.pledged_at < enrolled.closes_at
    ),
    paid as (
        select
            backer_id,
            sum(amount) filter (is_before) as pre,
            sum(amount) filter (not is_before and is_shown) as shown,
            sum(amount) filter (not is_before and not is_shown) as elsewhere
        from payments
        group by backer_id
    ),
    backers as (
        select
            enrolled.variant,
            enrolled.closes_at,
            (epoch_us(enrolled.first_at) - epoch_us($starts_at)) // $look + 1 as opens,
            (epoch_us(enrolled.closes_at) - epoch_us($starts_at) + $look - 1) // $look as closes,
            cast(viewed.views as hugeint) as views,
            cast(coalesce(converted.conversions, 0) as hugeint) as conversions,
            cast(100 * coalesce(converted.amount, 0) as hugeint) as amount,
            cast(100 * coalesce(paid.pre, 0) as hugeint) as pre,
            cast(100 * coalesce(paid.shown, 0) as hugeint) as shown,
            cast(100 * coalesce(paid.elsewhere, 0) as hugeint) as elsewhere,
            cast(100 * (coalesce(paid.shown, 0) + coalesce(paid.elsewhere, 0)) as hugeint) as net
        from enrolled
        inner join viewed on enrolled.backer_id = viewed.backer_id
        left join converted on enrolled.backer_id = converted.backer_id
        left join paid on enrolled.backer_id = paid.backer_id
    )
"""
