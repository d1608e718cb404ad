with

exposures as (
    select * from {{ raw('experiment_exposures') }}
),

-- those that stg_pledges cuts: few or none, where a join with all others is the largest of all
later_pledges as (
    select pledge_id from {{ raw('pledges') }}
    where pledged_at >= {{ as_of() }}
),

cut_at_as_of as (
    select
        cast(exposures.exposure_id as bigint) as exposure_id,
        exposures.experiment,
        exposures.variant,
        cast(exposures.backer_id as bigint) as backer_id,
        cast(exposures.project_id as bigint) as project_id,
        cast(exposures.exposed_at as timestamp) as exposed_at,
        -- the pledge that a view led to is not known before it is made
        cast(
            case when later_pledges.pledge_id is null then exposures.pledge_id end as bigint
        ) as pledge_id
    from exposures
    left join later_pledges on exposures.pledge_id = later_pledges.pledge_id
    where exposures.exposed_at < {{ as_of() }}
)

select * from cut_at_as_of
