"""The lines of online predictions for the screen."""

from ml.modeling.skill_states import skill_text
from ml.serving.log import Collected, Prediction


def answer(prediction: Prediction) -> str:
    """Returns one prediction as text."""
    decided = ", though that is decided already" if prediction.is_decided else ""
    return (
        f"{prediction.predicted_probability:.4f}{decided}, as of {prediction.snapshot_at},"
        f" by {prediction.model_name} {prediction.model_version}"
        f" ({skill_text(prediction.skill_state)})"
    )


def collected_lines(result: Collected) -> list[str]:
    """Returns how many predictions were new, and what was left in the log."""
    lines = [
        f"predictions in the log: {result.added_count:,} new, {result.known_count:,} known"
        " -> ml.predictions"
    ]
    if result.damaged_count:
        lines.append(
            f"lines that are not whole, ignored: {result.damaged_count:,},"
            f" the first one is {result.first_damaged}"
        )
    for version, count in result.foreign.items():
        lines.append(f"by {version}, not trained for this warehouse, left in the log: {count:,}")
    return lines
