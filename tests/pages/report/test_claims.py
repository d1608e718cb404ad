"""The claim check: an accuracy without what belongs to it is refused."""

from typing import Any

import pytest

from pages.report.claims import (
    NO_CEILING,
    NO_INTERVAL,
    ClaimError,
    Measured,
    Scores,
    Unknown,
    claim,
)

WHOLE: dict[str, Any] = {
    "snapshot_kind": "d3",
    "base_rate": 0.236,
    "interval": (0.78, 0.921),
    "ceiling": 0.88,
}


def test_a_whole_claim_has_every_part() -> None:
    assert claim(0.855, **WHOLE).text == (
        "85.5 % [78.0, 92.1] (at d3, majority guess 76.4 %, best achievable 88.0 %)"
    )


@pytest.mark.parametrize("part", ["snapshot_kind", "base_rate", "interval", "ceiling"])
def test_an_accuracy_without_a_part_is_refused(part: str) -> None:
    missing = "" if part == "snapshot_kind" else None
    with pytest.raises(ClaimError, match=part.replace("_", " ")):
        claim(0.855, **{**WHOLE, part: missing})


def test_a_missing_interval_is_named_and_a_missing_ceiling_left_to_the_page() -> None:
    text = claim(1.0, **{**WHOLE, "interval": NO_INTERVAL, "ceiling": NO_CEILING}).text
    assert text == "100.0 % (at d3, interval not defined, majority guess 76.4 %)"


def test_only_published_figures_may_lack_their_base_rate() -> None:
    without = {**WHOLE, "base_rate": Unknown("base rate not given")}
    with pytest.raises(ClaimError, match="base rate"):
        claim(0.68, **without)
    assert "base rate not given" in claim(0.68, **without, source="somebody").text


@pytest.mark.parametrize(
    "changed",
    [
        {"base_rate": 23.6},
        {"ceiling": float("nan")},
        {"interval": (0.5, 1.2)},
    ],
)
def test_what_is_no_share_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ClaimError, match="no share"):
        claim(0.855, **{**WHOLE, **changed})


def scores(value: float, row_count: int) -> Scores:
    row = Measured(value, 0.8, 0.9, row_count, 0.25)
    return Scores("somebody", {("test", "d3", "accuracy"): row, ("test", "d3", "auc"): row})


def test_measured_accuracies_come_out_as_claims_only() -> None:
    own = scores(0.85, 40)
    assert own.figure("test", "d3", "auc") is not None
    with pytest.raises(ClaimError, match="without a claim"):
        own.figure("test", "d3", "accuracy")
    with pytest.raises(ClaimError, match="without a claim"):
        own.figure("test", "d3", "expected_accuracy")
    assert own.claim("test", "d6", []) is None


def test_a_ceiling_measured_on_other_rows_is_no_ceiling() -> None:
    own = scores(0.85, 40)
    found = own.claim("test", "d3", [scores(0.97, 39), scores(0.88, 40)])
    assert found is not None
    assert found.ceiling == 0.88
    alone = own.claim("test", "d3", [scores(0.97, 39)])
    assert alone is not None
    assert alone.ceiling == NO_CEILING
