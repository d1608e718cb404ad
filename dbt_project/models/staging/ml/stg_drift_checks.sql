select
    run_id,
    model_name,
    model_version,
    as_of,
    snapshot_kind,
    subject,
    status,
    reason,
    feature_count,
    alert_count,
    reference_count,
    current_count,
    needed_count,
    measured_at
from {{ source('ml', 'drift_checks') }}
