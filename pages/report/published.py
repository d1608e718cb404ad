"""Published accuracies of predicting the success of campaigns, with their prediction times."""

from pages.report.claims import NO_CEILING, Unknown, claim

_GREENBERG = "Greenberg et al. 2013"
_ETTER = "Etter, Grossglauser and Thiran 2013"
_NO_INTERVAL = Unknown("interval not given")
_ABOUT_EVEN = Unknown("majority guess about 50 %")

# Other platforms, other base rates: a scale, not a contest.
PUBLISHED = tuple(
    claim(
        accuracy,
        snapshot_kind=snapshot_kind,
        base_rate=base_rate,
        interval=_NO_INTERVAL,
        ceiling=NO_CEILING,
        source=source,
    )
    for accuracy, snapshot_kind, base_rate, source in (
        (0.68, "launch", Unknown("majority guess not given"), f"about, {_GREENBERG}"),
        (0.76, "4 h", _ABOUT_EVEN, f"over, {_ETTER}"),
        (0.84, "36 h", _ABOUT_EVEN, f"as reported, {_ETTER}"),
        (0.85, "10 % of the campaign", _ABOUT_EVEN, f"as reported, {_ETTER}"),
        (0.87, "6 days", _ABOUT_EVEN, f"as reported, {_ETTER}"),
    )
)
# The snapshot kind of each; a tenth of a campaign of thirty days is three days.
KIND_OF = {
    "launch": "launch",
    "4 h": "h4",
    "36 h": "h36",
    "10 % of the campaign": "d3",
    "6 days": "d6",
}
# AUC of gradient boosting on the Kickstarter data of Kaggle, features of launch (2026 study).
PUBLISHED_LAUNCH_AUC = 0.755
