-- Measured again for the same version, the newest measurement counts, as a whole; a version that no
-- decision is about any more is not shown.
{{ newest_measured('feature_importance') }}

select
    run_id,
    model_name,
    model_version,
    feature,
    log_loss_increase,
    increase_deviation,
    row_count,
    as_of,
    measured_at
from newest
