"""Answers single questions from the published warehouse, at a limited rate."""

from ml.online.rate_limit import RateLimitError, RateLimitExceededError
from ml.serving.predictor import (
    NameUnusableError,
    NoModelError,
    NotLiveError,
    Predictor,
    UnknownEntityError,
)

__all__ = [
    "NameUnusableError",
    "NoModelError",
    "NotLiveError",
    "Predictor",
    "RateLimitError",
    "RateLimitExceededError",
    "UnknownEntityError",
]
