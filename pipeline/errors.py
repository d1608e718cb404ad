"""The exit codes and errors of the pipeline and its stages."""

DONE = 0
REFUSED = 1  # a gate refused, or an alert that was asked for
WRONG_CALL = 2  # a bad variable, a missing file, a full disk: the caller can mend it
PARTLY_DONE = 3  # done, but a unit (a model, an experiment, a page) failed because of a bug
BUG = 70  # sysexits.h: internal software error
INTERRUPTED = 130


class PipelineError(Exception):
    """The run cannot go on; `code` is what it leaves with."""

    code = WRONG_CALL


class CallError(PipelineError):
    """The call was wrong, or the machine is in the way: exit code 2."""


class RefusedError(PipelineError):
    """A gate refused the data: exit code 1."""

    code = REFUSED


class StageFailedError(PipelineError):
    """A stage ended with another code than 0, after printing why."""

    def __init__(self, message: str, code: int) -> None:
        """Takes the message of the pipeline and the exit code."""
        super().__init__(message)
        self.code = code
