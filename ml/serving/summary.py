"""The lines of online predictions for the screen."""

from ml.command import fitted
from ml.modeling.skill_states import skill_text
from ml.serving.log import Collected, Prediction
from ml.serving.predictor import Answer

_SHOWN_REASONS = 3


def answer_lines(answer: Answer, question: str, log: object) -> list[str]:
    """Returns one answer: the prediction, what the project will have raised, and the reasons."""
    lines = [f"{question} {_prediction(answer.prediction)} -> {log}"]
    amount = answer.amount
    if amount and amount.final_amount_median is not None:
        lines.append(
            f"final amount {amount.final_amount_median:,.2f}, between"
            f" {amount.final_amount_low:,.2f} and {amount.final_amount_high:,.2f} (90 %)"
        )
    reasons = [each for each in answer.row.reasons if not each.feature.startswith("(")]
    if reasons:
        told = "; ".join(
            f"{each.feature} = {each.feature_value or 'unknown'} ({each.contribution:+.3f})"
            for each in reasons[:_SHOWN_REASONS]
        )
        lines.append(f"reasons, in log-odds: {told}")
    return [lines[0], *fitted(lines[1:])]


def _prediction(prediction: Prediction) -> str:
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
