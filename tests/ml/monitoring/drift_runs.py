"""Runs of the monitor on a finished platform, and what tests ask of their tables."""

from typing import Any

ALERTS = "select feature, snapshot_kind, statistic from ml.drift_stats where is_alert order by all"
RECENT = "snapshot_at > timestamp '2023-10-03'"


def check_again(platform: Any) -> str:
    platform.sql("delete from ml.drift_stats")
    platform.sql("delete from ml.drift_replays")
    return again(platform)


def again(platform: Any, hour: int = 1) -> str:
    outcome = platform.run("monitor", run_id=f"run-{hour}", hour=hour)
    assert outcome.code == 0, outcome.err
    return str(outcome.out)
