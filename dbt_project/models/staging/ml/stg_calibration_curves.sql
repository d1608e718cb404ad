-- Measured again for the same version, the newest measurement counts, as a whole; a version that no
-- decision is about any more is not shown.
{{ newest_measured('calibration_curves') }}

select
    run_id,
    model_name,
    model_version,
    split,
    snapshot_kind,
    bin,
    mean_probability,
    observed_rate,
    ci_low,
    ci_high,
    row_count,
    as_of,
    measured_at
from newest
