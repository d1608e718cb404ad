"""Answers single questions from the published warehouse, at a limited rate, and keeps their log."""

from ml.serving.predictor import (
    NameUnusableError,
    NotLiveError,
    Predictor,
    UnknownEntityError,
)
from ml.serving.published_rows import NoModelError
from ml.serving.rate_limit import RateLimitError, RateLimitExceededError

__all__ = [
    "NameUnusableError",
    "NoModelError",
    "NotLiveError",
    "Predictor",
    "RateLimitError",
    "RateLimitExceededError",
    "UnknownEntityError",
]
