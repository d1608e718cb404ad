"""Four projects by hand, with the tables from which pages of projects and creators are made."""

from pathlib import Path

import duckdb

HOSTILE = "</script><img src=x onerror=alert(1)>"
_TABLES = f"""
create schema core; create schema intermediate; create schema features; create schema insights;
create table core.warehouse_as_of as select timestamp '2024-01-01' as as_of;
create table core.dim_creators as from (values
    (1::bigint, 'Ann "A" <b>', 'US', timestamp '2022-01-01'),
    (2, 'مريم', null, timestamp '2022-02-01')
) as t(creator_id, display_name, country, joined_at);
create table core.dim_projects as
    select * replace (
        funding_goal::decimal(18, 2) as funding_goal,
        pledged_amount::decimal(18, 2) as pledged_amount
    )
    from (values
        (1::bigint, 1::bigint, '{HOSTILE}', 'Games', 100, '2023-12-22'::timestamp,
            '2024-01-11'::timestamp, null::timestamp, 40, 2, 2, 'live'),
        (2, 1, 'Done', 'Games', 100, '2023-01-01', '2023-01-21', null, 120, 12, 4, 'successful'),
        (3, 2, 'Large', 'Games', 1000000000000, '2023-02-01', '2023-02-21', null, 500000000000.01,
            1, 1, 'failed'),
        (4, 2, 'Stopped', 'Art', 50, '2023-03-01', '2023-03-21', '2023-03-05', 0, 0, 0, 'cancelled')
    ) as t(project_id, creator_id, title, category, funding_goal, launched_at, deadline_at,
        cancelled_at, pledged_amount, pledge_count, backer_count, project_status),
    (select null::varchar as country, 'holdback_20' as release_strategy);
create table core.fct_pledges as
    select project_id, amount::decimal(18, 2) as amount, pledged_at from (values
        (1::bigint, 10, '2023-12-23 12:00'::timestamp), (1, 30, '2023-12-31 12:00'),
        (3, 500000000000.01, '2023-02-11')
    ) as t(project_id, amount, pledged_at)
    union all
    select 2, 10, timestamp '2023-01-02' + interval 1 day * unnest(range(12));
create table core.fct_escrow_transactions as
    select 'deposit' as transaction_type, project_id, null::bigint as milestone_id, amount,
        pledged_at as occurred_at from core.fct_pledges
    union all values
        ('release', 2, 21, 60.00, timestamp '2023-03-10'),
        ('refund', 3, null, 500000000000.01, timestamp '2023-02-21');
create table core.escrow_balances as
    select project_id, pledged_amount,
        pledged_amount - released_amount - refunded_amount as held_amount,
        released_amount, refunded_amount
    from core.dim_projects, lateral (select
        (case when project_id = 2 then 60 else 0 end)::decimal(18, 2) as released_amount,
        (case when project_id = 3 then 500000000000.01 else 0 end)::decimal(18, 2)
            as refunded_amount);
create table core.backer_balances as
    select project_id, 1::bigint as backer_id, held_amount from core.escrow_balances;
create table core.fct_milestones as from (values
    (21::bigint, 2::bigint, 1::bigint, 'Prototype <i>', 50.00, '2023-03-01'::timestamp,
        '2023-02-25'::timestamp, '2023-03-10'::timestamp, '2023-01-21'::timestamp, 'approved'),
    (22, 2, 2, 'Delivery', 50.00, '2024-02-01', null, null, '2023-03-10', 'open')
) as t(milestone_id, project_id, milestone_number, title, funding_amount, due_at, submitted_at,
    resolved_at, started_at, milestone_status);
create table core.fct_votes as from (values
    (21::bigint, true), (21, true), (21, false)) as t(milestone_id, is_approval);
create table intermediate.int_milestones_started as
    select 1::bigint as creator_id, true as is_on_time, timestamp '2023-02-25' as on_time_known_at
    union all select 1, false, timestamp '2024-02-01';
create table intermediate.int_models_in_use as
    select 'project_success' as model_name, 'v1' as model_version, 'trained' as status,
        'not_tested' as skill_state, '9 test projects, 30 are needed' as reason;
create table features.snapshot_kinds as from (values
    ('project', 'launch', 1, 'at launch'), ('project', 'current', 8, 'now (AS_OF)')
) as t(entity, snapshot_kind, sort_order, description);
create table features.project_features as from (values
    (1::bigint, 'launch', timestamp '2023-12-22', 0.0, 0.0),
    (1, 'current', timestamp '2024-01-01', 0.5, 0.4)
) as t(project_id, snapshot_kind, snapshot_at, elapsed_ratio, funding_ratio);
create table intermediate.int_predictions_current as
    select 'p-' || snapshot_kind as prediction_id, 'project_success' as model_name,
        'v1' as model_version, project_id as entity_id, snapshot_kind, snapshot_at,
        0.25 + elapsed_ratio as predicted_probability, false as is_decided, 'batch' as origin
    from features.project_features;
create table intermediate.int_prediction_reasons_ranked as
    select 'p-current' as prediction_id, 'pace_ratio = 0.8 (+0.200)' as reasons;
create table insights.project_outlook as
    select project_id, title, 'Ann "A" <b>' as creator_name, category, funding_goal,
        pledged_amount, 0.4 as funding_ratio, 10.0 as days_left, false as is_decided,
        0.75 as success_probability, 40.00 as final_amount_low, 90.00 as final_amount_median,
        200.00 as final_amount_high
    from core.dim_projects where project_status = 'live';
create table insights.release_decisions as
    select 22::bigint as milestone_id, 'hold_back_20' as recommendation;
"""


def make(path: Path) -> None:
    """Writes the warehouse."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(_TABLES)
