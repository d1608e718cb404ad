"""What could not be computed because of a bug, for the pages that would show it."""

from pages.published import Published

# a warehouse published before failures were contained lacks the view
_HAS_VIEW = """
    select 1 from information_schema.tables
    where table_schema = 'staging' and table_name = 'stg_failures'"""
_FAILED = """
    select stage, unit, reason, run_id from staging.stg_failures
    where list_contains($stages, stage)
    order by stage, unit"""
_GIVES_PROBABILITIES = ("train", "predict")


def failures(published: Published, *stages: str) -> list[str]:
    """Returns a sentence for each unit of the stages that failed last time."""
    if not published.fetch(_HAS_VIEW):
        return []
    return [
        f"Stage {stage} of {unit} failed because of a bug in run {run_id} ({reason}):"
        f" {_missing(stage)} for this timestamp."
        for stage, unit, reason, run_id in published.fetch(_FAILED, stages=list(stages))
    ]


def _missing(stage: str) -> str:
    if stage in _GIVES_PROBABILITIES:
        return "it gives no probabilities"
    return "it computed nothing"
