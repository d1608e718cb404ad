"""Pages are made from the small platforms on which the stages of ml are tested."""

from tests.ml.bandit.conftest import chosen, future, platform
from tests.ml.conftest import finished, finished_world, fresh, made_ml_state, world

__all__ = [
    "chosen",
    "finished",
    "finished_world",
    "fresh",
    "future",
    "made_ml_state",
    "platform",
    "world",
]
