with

exposures as (
    select * from {{ raw('experiment_exposures') }}
),

pledges as (
    select pledge_id from {{ ref('stg_pledges') }}
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
        pledges.pledge_id
    from exposures
    left join pledges on exposures.pledge_id = pledges.pledge_id
    where exposures.exposed_at < {{ as_of() }}
)

select * from cut_at_as_of
