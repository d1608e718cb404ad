"""What the caller can put right, and how a process ends in which a bug was contained."""

PARTLY_DONE = 3  # exit code: done, but a unit failed because of a bug


class MlError(Exception):
    """A wrong call or a broken input; the message says what, where, and what to do.

    Attributes:
        exit_code: Of the process that it ends.
    """

    exit_code = 2
