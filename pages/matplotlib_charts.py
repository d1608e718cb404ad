"""Charts as SVG inside a page: the same data give the same bytes, and each has a description."""

import io
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

INK, FAINT, LINE = "#1b1f27", "#59616e", "#dfe3e9"
# Distinct in grey print and for colour-blind readers (Okabe and Ito, 2008), lightest last.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "chart",  # ids in the file follow from the content
    "svg.fonttype": "none",  # text stays text: found by a search, read aloud
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "legend.frameon": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}
_NO_METADATA: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def new_chart(
    *, width: float = 7.0, height: float = 3.2, columns: int = 1
) -> tuple[Figure, tuple[Axes, ...]]:
    """Returns an empty figure (inches) and its axes, side by side."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(1, columns, squeeze=False)[0]
    return figure, tuple(axes)


def date_axis(axes: Axes) -> None:
    """Marks the horizontal axis with few, short dates that do not overlap."""
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def to_svg(figure: Figure, *, text: str) -> Markup:
    """Returns the figure as an element of a page; `text` describes it to screen readers."""
    file = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    picture = file.getvalue()
    drawing = picture[picture.index("<svg ") :]
    return Markup('<figure class="chart" role="img" aria-label="{}">{}</figure>').format(
        text, Markup(drawing)
    )
