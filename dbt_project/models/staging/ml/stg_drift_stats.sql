select
    run_id,
    model_name,
    model_version,
    as_of,
    feature,
    clock,
    statistic,
    value,
    value_low,
    threshold,
    p_value,
    adjusted_p_value,
    reference_count,
    current_count,
    is_alert,
    measured_at
from {{ source('ml', 'drift_stats') }}
