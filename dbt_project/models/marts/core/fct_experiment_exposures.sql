select
    exposure_id,
    experiment,
    variant,
    backer_id,
    project_id,
    exposed_at,
    pledge_id
from {{ ref('stg_experiment_exposures') }}
