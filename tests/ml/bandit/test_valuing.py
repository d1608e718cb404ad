"""Values of policies on the platform's own log, or the reason why there are none."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ml.bandit.settings import ARMS, BanditSettings
from ml.bandit.valuing import METRICS, POLICIES, Value
from tests.ml.bandit.conftest import AS_OF, Future, Platform, draw_future


@pytest.fixture(scope="module")
def large(made_ml_state: None, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """A platform with enough decisions."""
    future = draw_future(count=9000, seed=6)
    return future.at(AS_OF, tmp_path_factory.mktemp("large") / "escrow.duckdb")


def by_policy(values: list[Value], estimator: str = "doubly_robust") -> dict[str, Value]:
    return {
        row.policy: row for row in values if row.metric == METRICS[0] and row.estimator == estimator
    }


def test_every_policy_is_valued_and_the_better_one_is_better(
    large: Platform, chosen: BanditSettings
) -> None:
    values = large.decide(chosen).values
    assert len(values) == len(POLICIES) * len(METRICS) * 3
    for estimator in ("ips", "self_normalised_ips", "doubly_robust"):
        found = by_policy(values, estimator)
        assert {row.status for row in found.values()} == {"estimated"}
        assert found["holdback_20"].ci_low > found["front_loaded"].ci_high
    found = by_policy(values)
    assert found["bandit"].ci_low > found["equal_shares"].ci_high
    # with equal shares every weight is one: the plain mean of what is over, and of nothing else
    ((mean, count),) = large.sql(f"""
        with milestones as (
            select *, max(due_at) over (partition by project_id) + interval 14 day as closes_at
            from core.fct_milestones join core.dim_projects using (project_id)
            where launched_at >= (select min(batch_at) from ml.bandit_posteriors)
        ),
        shares as (
            select avg(coalesce(resolution = 'approved'
                and resolved_at <= due_at + interval 14 day, false)::int) as share
            from milestones
            where started_at < closes_at and closes_at < timestamp '{AS_OF}'
            group by project_id
        )
        select avg(share), count(*) from shares""")
    plain = by_policy(values, "ips")["equal_shares"]
    assert plain.value == pytest.approx(mean)
    assert plain.decision_count == count


def test_too_few_decisions_give_a_reason_and_no_number(
    platform: Platform, chosen: BanditSettings
) -> None:
    values = platform.decide(chosen).values
    assert {row.status for row in values} == {"not_estimable"}
    assert {(row.value, row.ci_low, row.ci_high) for row in values} == {(None, None, None)}
    assert all("of the 2,000 decisions needed" in row.reason for row in values)
    assert platform.sql("select count(value) from ml.policy_values") == [(0,)]


def test_strategies_that_were_not_drawn_evenly_are_not_valued(
    chosen: BanditSettings, tmp_path: Path
) -> None:
    future = draw_future(count=9000, seed=6)
    names = future.projects.column("release_strategy").to_numpy(zero_copy_only=False)
    names[::3] = ARMS[0]
    place = future.projects.column_names.index("release_strategy")
    projects = future.projects.set_column(place, "release_strategy", pa.array(names))
    platform = Future(projects, future.milestones).at(AS_OF, tmp_path / "escrow.duckdb")
    values = platform.decide(chosen).values
    assert all("were not drawn evenly (chi-square p = " in row.reason for row in values)


def test_what_followed_the_bandit_has_the_propensity_it_was_decided_with(
    chosen: BanditSettings, tmp_path: Path
) -> None:
    """From a moment on the platform does as the bandit says; a stray launch spoils the log."""
    future = draw_future(count=9000, seed=6)
    since = datetime(2022, 9, 5)
    first = future.at(AS_OF, tmp_path / "first.duckdb")
    first.decide(chosen)
    followed = dict(
        first.sql(
            "select project_id, chosen_strategy from ml.bandit_decisions"
            f" where launched_at >= timestamp '{since}'"
        )
    )
    names = future.projects.column("release_strategy").to_pylist()
    obeyed = [followed.get(number + 1, name) for number, name in enumerate(names)]
    place = future.projects.column_names.index("release_strategy")
    for stray in (0, 1):
        if stray:
            last = max(followed)
            obeyed[last - 1] = next(name for name in ARMS if name != followed[last])
        projects = future.projects.set_column(place, "release_strategy", pa.array(obeyed))
        path = tmp_path / f"{stray}.duckdb"
        platform = Future(projects, future.milestones).at(AS_OF, path)
        # posteriors before `since` are the same, so are the first decisions
        first.sql(f"attach '{path}' as copy;" + "".join(
            f"insert into copy.ml.{table}"
            f" select * replace (as_of - interval 1 microsecond as as_of) from ml.{table};"
            for table in ("bandit_runs", "bandit_posteriors", "bandit_decisions")
        ))  # fmt: skip
        values = platform.decide(replace(chosen, followed_from=since), run=2).values
        reasons = {row.reason for row in values}
        if stray:
            assert len(reasons) == 1
            assert "1 of " in reasons.pop()
        else:
            # what the bandit hardly takes stays estimable: it never gets less than is needed
            rare = by_policy(values)["front_loaded"]
            assert {row.status for row in values} == {"estimated"}
            assert rare.min_propensity == pytest.approx(0.025)
            assert rare.ci_low > 0
            # taken for drawn evenly, as before, the same launches are not believed
            blind = platform.decide(chosen, run=3).values
            assert all("were not drawn evenly" in row.reason for row in blind)
