"""Made-up online predictions."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from ml.serving import log
from ml.serving.log import Prediction


def made(number: int, **changes: Any) -> Prediction:
    timestamp = datetime(2024, 1, 1, 0, 0, 0, 1)
    key = log.prediction_id(f"batch {number}", "ann", f"request {number}")
    prediction = Prediction(
        prediction_id=key, request_id=f"request {number}", client="ann", model_name="success",
        model_version="abc", entity_id=number, snapshot_at=timestamp, snapshot_kind="current",
        is_decided=False, predicted_probability=1 / (number + 3), predicted_label=False,
        predicted_at=datetime(2030, 1, 1), feature_values=f"values {number}",
    )  # fmt: skip
    return replace(prediction, **changes)
