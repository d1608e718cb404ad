select
    run_id,
    bandit_version,
    as_of,
    policy,
    metric,
    estimator,
    status,
    reason,
    value,
    ci_low,
    ci_high,
    decision_count,
    min_propensity,
    effective_sample_size,
    measured_at
from {{ source('ml', 'policy_values') }}
