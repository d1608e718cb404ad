"""The loss ratio by vote counts each late milestone by its first votes, however late it came."""

from pathlib import Path

import duckdb

CLOSED = """
    select
        high_risk.has_majority_for,
        started.submitted_at + interval 24 hour >= started.grace_ends_at as is_after_grace,
        2 * count(*) filter (votes.is_approval) > count(votes.vote_id) as has_more_for,
        count(votes.vote_id) as vote_count
    from intermediate.int_high_risk_milestones_closed as high_risk
    inner join intermediate.int_milestones_started as started using (milestone_id)
    left join staging.stg_votes as votes
        on votes.milestone_id = high_risk.milestone_id
        and votes.voted_at < started.submitted_at + interval 24 hour
        and started.submitted_at + interval 24 hour <= high_risk.closed_at
    group by high_risk.milestone_id, high_risk.has_majority_for, is_after_grace"""


def test_what_came_after_its_grace_counts_by_its_votes(whole_warehouse: Path) -> None:
    with duckdb.connect(str(whole_warehouse / "escrow.duckdb"), read_only=True) as connection:
        rows = connection.sql(CLOSED).fetchall()
    voted = [row for row in rows if row[-1]]
    assert {bool(after) for _, after, *_ in voted} == {False, True}  # both kinds are there
    assert [row for row in voted if row[0] != row[2]] == []
    assert [row for row in rows if not row[-1] and row[0] is not None] == []
