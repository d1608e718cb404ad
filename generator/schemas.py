"""The seven tables of the raw contract: columns and types."""

import pyarrow as pa

ID = pa.int64()
TEXT = pa.string()
MONEY = pa.decimal128(18, 2)
TIMESTAMP = pa.timestamp("us", tz="UTC")

_COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "creators": {"creator_id": ID, "display_name": TEXT, "country": TEXT, "joined_at": TIMESTAMP},
    "backers": {"backer_id": ID, "country": TEXT, "joined_at": TIMESTAMP},
    "projects": {
        "project_id": ID,
        "creator_id": ID,
        "title": TEXT,
        "category": TEXT,
        "country": TEXT,
        "funding_goal": MONEY,
        "launched_at": TIMESTAMP,
        "deadline_at": TIMESTAMP,
        "cancelled_at": TIMESTAMP,
        "release_strategy": TEXT,
    },
    "pledges": {
        "pledge_id": ID,
        "project_id": ID,
        "backer_id": ID,
        "amount": MONEY,
        "pledged_at": TIMESTAMP,
    },
    "milestones": {
        "milestone_id": ID,
        "project_id": ID,
        "milestone_number": ID,
        "title": TEXT,
        "funding_amount": MONEY,
        "due_at": TIMESTAMP,
        "submitted_at": TIMESTAMP,
        "resolved_at": TIMESTAMP,
        "resolution": TEXT,
    },
    "votes": {
        "vote_id": ID,
        "milestone_id": ID,
        "backer_id": ID,
        "is_approval": pa.bool_(),
        "voted_at": TIMESTAMP,
    },
    "experiment_exposures": {
        "exposure_id": ID,
        "experiment": TEXT,
        "variant": TEXT,
        "backer_id": ID,
        "project_id": ID,
        "exposed_at": TIMESTAMP,
        "pledge_id": ID,
    },
}

SCHEMAS: dict[str, pa.Schema] = {
    name: pa.schema(list(columns.items())) for name, columns in _COLUMNS.items()
}
