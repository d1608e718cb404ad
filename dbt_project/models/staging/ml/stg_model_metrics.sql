-- Measured again for the same version, the newest measurement counts, as a whole; a version that no
-- decision is about any more is not shown.
{{ newest_measured('model_metrics') }}

select
    run_id,
    model_name,
    model_version,
    split,
    snapshot_kind,
    metric,
    value,
    ci_low,
    ci_high,
    row_count,
    base_rate,
    as_of,
    measured_at,
    predictor
from newest
