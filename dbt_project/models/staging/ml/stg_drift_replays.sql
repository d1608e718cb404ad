select
    run_id,
    model_name,
    model_version,
    as_of,
    feature,
    clock,
    relative_mean_shift,
    capped_mean_shift,
    psi,
    adjusted_p_value,
    reference_count,
    current_count,
    is_alert,
    measured_at
from {{ source('ml', 'drift_replays') }}
