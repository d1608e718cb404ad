"""The truth beside the data: columns and types of its files, none of which is ever landed."""

import pyarrow as pa

from generator.config import SimulationConfig
from generator.digests import code_digest
from generator.schemas import ID, MONEY, TEXT, TIMESTAMP

REAL = pa.float64()
YES_NO = pa.bool_()

_COLUMNS: dict[str, dict[str, pa.DataType]] = {
    # one row per parameter of the world, and per fact about it
    "truth_settings": {"name": TEXT, "value": TEXT, "unit": TEXT, "meaning": TEXT},
    "truth_creators": {"creator_id": ID, "skill": REAL, "goal_leaning": REAL, "category": TEXT},
    "truth_backers": {"backer_id": ID, "engagement": REAL, "is_treated": YES_NO},
    "truth_projects": {
        "project_id": ID,
        "creator_id": ID,
        "skill": REAL,
        "trouble": REAL,
        "score": REAL,
        "expected_pledge_count": REAL,
        "expected_friend_count": REAL,
        "typical_amount": REAL,
        "token_share": REAL,
        "rescue_ratio": REAL,
        "viral_from_ratio": REAL,
        "is_highlighted": YES_NO,
        "is_drifted": YES_NO,
        "final_amount": MONEY,
        "is_successful": YES_NO,
    },
    # one row per sampled project and snapshot
    "truth_snapshots": {
        "project_id": ID,
        "snapshot_kind": TEXT,
        "snapshot_at": TIMESTAMP,
        "is_decided": YES_NO,
        "success_probability": REAL,
        "continuation_count": ID,
        "is_successful": YES_NO,
        "outcome_known_at": TIMESTAMP,
    },
    # one row per started milestone of a sampled project
    "truth_milestones": {
        "milestone_id": ID,
        "project_id": ID,
        "started_at": TIMESTAMP,
        "risk_probability": REAL,
        "continuation_count": ID,
        "is_high_risk": YES_NO,
    },
    "truth_exposures": {"exposure_id": ID, "is_shown": YES_NO},
    "truth_bot_pledges": {"pledge_id": ID},
    # one row per effect: configured and realised value
    "truth_effects": {
        "effect": TEXT,
        "configured": REAL,
        "realised": REAL,
        "realised_error": REAL,
        "unit": TEXT,
    },
    # one row per arm of the world as assigned, and per world that never was
    "truth_worlds": {
        "world": TEXT,
        "variant": TEXT,
        "backer_count": ID,
        "view_count": ID,
        "conversion_count": ID,
        "conversion_ratio": REAL,
        "conversion_ratio_error": REAL,
        "pledged_amount": REAL,
        "amount_per_backer": REAL,
        "never_highlighted_amount": REAL,
    },
}

STAMP = b"world"

TRUTH_SCHEMAS: dict[str, pa.Schema] = {
    name: pa.schema(list(columns.items())) for name, columns in _COLUMNS.items()
}


def stamped(config: SimulationConfig) -> dict[str, pa.Schema]:
    """Returns the schemas with the world's name in them: no file stands for another world's."""
    world = f"{config.scenario}-{config.scale}-{config.seed} {code_digest()}"
    return {
        name: schema.with_metadata({STAMP: world.encode()})
        for name, schema in TRUTH_SCHEMAS.items()
    }
