"""The overview: live projects, open milestones, money in escrow, and how good the models are."""

from pages.failures import failures
from pages.published import Published
from pages.site import Site

FACTS = """
    select
        (select as_of from core.warehouse_as_of) as as_of,
        (select count(*) from core.dim_projects) as project_count,
        (select count(*) from insights.project_outlook) as live_count,
        (select count(*) from insights.milestone_outlook) as milestone_count,
        (select coalesce(sum(held_amount), 0) from core.escrow_balances) as held_amount,
        (select count(*) from quality.quarantined_rows where run_id = (
            select run_id from raw.landing
        )) as quarantined_count
"""
LIVE_PROJECTS = """
    select title, funding_goal, funding_ratio, days_left, is_decided, success_probability,
        skill_state, final_amount_low, final_amount_median, final_amount_high
    from insights.project_outlook
    order by is_decided, success_probability desc nulls last, project_id
    limit 10
"""
OPEN_MILESTONES = """
    select project_title, milestone_title, days_left, held_amount, recommendation,
        risk_probability, risk_source
    from insights.release_decisions
    order by is_submitted desc, due_at, milestone_id
    limit 10
"""
MODELS_IN_USE = """
    select model_name, model_version, status, reason, train_entity_count, cutoff_at,
        skill_state
    from intermediate.int_models_in_use
    order by model_name desc
"""
FINAL_AMOUNT = "from intermediate.int_final_amount_in_use"
AMOUNT_METRICS = """
    select
        snapshot_kind,
        coalesce(
            max(project_count) filter (predictor = 'final_amount'), max(project_count)
        ) as project_count,
        max(value) filter (predictor = 'final_amount' and metric = 'coverage') as coverage,
        max(ci_low) filter (predictor = 'final_amount' and metric = 'coverage') as coverage_low,
        max(ci_high) filter (predictor = 'final_amount' and metric = 'coverage') as coverage_high,
        {factors}
    from staging.stg_final_amount_metrics
    inner join features.snapshot_kinds using (snapshot_kind)
    where entity = 'project'
    group by snapshot_kind
    order by max(sort_order)
""".format(
    factors=", ".join(
        f"exp(max(value) filter (predictor = '{predictor}' and metric = '{metric}'))"
        f" as {name}_{short}"
        for short, metric in (("width", "log_width"), ("error", "absolute_log_error"))
        for name, predictor in (
            ("model", "final_amount"),
            ("pace", "pace_extrapolation"),
            ("raw", "raw_quantiles"),
        )
    )
)
METRICS = """
    select
        snapshot_kind,
        max(row_count) as row_count,
        max(base_rate) as base_rate,
        max(value) filter (metric = 'accuracy') as accuracy,
        max(ci_low) filter (metric = 'accuracy') as accuracy_low,
        max(ci_high) filter (metric = 'accuracy') as accuracy_high,
        max(value) filter (metric = 'auc') as auc,
        max(ci_low) filter (metric = 'auc') as auc_low,
        max(ci_high) filter (metric = 'auc') as auc_high
    from staging.stg_model_metrics
    left join features.snapshot_kinds using (snapshot_kind)
    where model_name = $name and model_version = $version and split = 'test_undecided'
    group by snapshot_kind
    order by max(sort_order) nulls last
"""


def write(published: Published, site: Site) -> None:
    """Writes the page."""
    models = published.rows(MODELS_IN_USE)
    for model in models:
        keys = {"name": model["model_name"], "version": model["model_version"]}
        model["metrics"] = published.rows(METRICS, **keys)
    site.write(
        "index.html",
        "overview.html.jinja",
        facts=published.rows(FACTS)[0],
        projects=published.rows(LIVE_PROJECTS),
        milestones=published.rows(OPEN_MILESTONES),
        models=models,
        final_amount=next(iter(published.rows(FINAL_AMOUNT)), None),
        amount_metrics=published.rows(AMOUNT_METRICS),
        failures=failures(published, "train", "predict", "amount"),
    )
