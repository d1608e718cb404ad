"""What all stages of one run have in common."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RunContext:
    """The run that rows are added by.

    Attributes:
        run_id: Its name, kept with every row.
        now: Wall-clock time of `trained_at`, `predicted_at` and `measured_at`: UTC, no zone.
    """

    run_id: str
    now: datetime
