-- Which creators have the most milestones that were late, rejected or never delivered?
with

milestones as (
    select * from {{ ref('fct_milestones') }}
),

projects as (
    select * from {{ ref('dim_projects') }}
),

creators as (
    select * from {{ ref('dim_creators') }}
),

labels as (
    select * from {{ ref('milestone_labels') }}
)

select
    creators.creator_id,
    creators.display_name,
    count(*) as milestone_count,
    sum(case when labels.is_high_risk then 1 else 0 end) as high_risk_count
from labels
inner join milestones on labels.milestone_id = milestones.milestone_id
inner join projects on milestones.project_id = projects.project_id
inner join creators on projects.creator_id = creators.creator_id
group by creators.creator_id, creators.display_name
order by high_risk_count desc, creators.creator_id asc
limit 20
