with

snapshots as (
    select * from {{ ref('int_milestones_snapshotted') }}
),

votes as (
    select * from {{ ref('stg_votes') }}
),

votes_counted as (
    select
        snapshots.milestone_id,
        snapshots.snapshot_kind,
        cast(sum(case when votes.is_approval then 1 else 0 end) as bigint) as approval_count,
        count(*) as vote_count,
        min(votes.voted_at) as first_voted_at
    from snapshots
    inner join votes
        on snapshots.milestone_id = votes.milestone_id and snapshots.snapshot_at > votes.voted_at
    group by snapshots.milestone_id, snapshots.snapshot_kind
)

select * from votes_counted
