"""Shares with a bar of their length."""

from markupsafe import Markup


def bar(ratio: float | None) -> Markup | None:
    """Returns a share with a bar of its length; above one the bar is full."""
    if ratio is None:
        return None
    return Markup('{:.1f} % <span class="bar"><span style="width:{:.0f}%"></span></span>').format(
        100 * ratio, 100 * min(ratio, 1)
    )
