"""What could not be computed because of a bug, for the pages that would show it."""

from pages.published import Published

# a warehouse published before failures were contained lacks the table
_HAS_TABLE = """
    select 1 from information_schema.tables where table_schema = 'ml' and table_name = 'failures'"""
_NEWEST = """
    with ranked as (
        select *, row_number() over (
            partition by stage, unit order by recorded_at desc, run_id desc) as recency
        from ml.failures
        where as_of = (select as_of from core.warehouse_as_of)
    )
    select stage, unit, reason, run_id from ranked
    where recency = 1 and is_failed and list_contains($stages, stage)
    order by stage, unit"""


def failures(published: Published, *stages: str) -> list[str]:
    """Returns a sentence for each unit of the stages that failed last time."""
    if not published.fetch(_HAS_TABLE):
        return []
    return [
        f"Stage {stage} of {unit} failed because of a bug in run {run_id} ({reason})."
        " What it would have computed for this timestamp is missing."
        for stage, unit, reason, run_id in published.fetch(_NEWEST, stages=list(stages))
    ]
