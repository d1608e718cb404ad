-- Which share of milestones is approved in time, by release strategy?
with

milestones as (
    select * from {{ ref('fct_milestones') }}
),

projects as (
    select * from {{ ref('dim_projects') }}
),

-- What was approved early waits for the others of its time, which are still open.
labels as (
    select labels.*
    from {{ ref('milestone_labels') }} as labels
    inner join {{ ref('warehouse_as_of') }} as built
        on labels.label_window_ends_at <= built.as_of
)

select
    projects.release_strategy,
    count(*) as milestone_count,
    avg(case when labels.is_high_risk then 0.0 else 1.0 end) as on_time_ratio
from labels
inner join milestones on labels.milestone_id = milestones.milestone_id
inner join projects on milestones.project_id = projects.project_id
group by projects.release_strategy
order by on_time_ratio desc, projects.release_strategy asc
