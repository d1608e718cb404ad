"""What the caller can put right."""


class MlError(Exception):
    """A wrong call or a broken input; the message says what, where, and what to do."""
