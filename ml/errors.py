"""What the caller can put right, and how a process ends that met a bug."""

# exit codes: done, but for units that failed because of a bug; and not done, because of one
UNITS_FAILED, BUG = 3, 4


class MlError(Exception):
    """A wrong call or a broken input; the message says what, where, and what to do."""
