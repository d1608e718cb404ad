"""Charts: the same data give the same picture, and each has a description for screen readers."""

from pages.matplotlib_charts import COLORS, new_chart, to_svg


def draw(text: str) -> str:
    figure, (axes,) = new_chart()
    axes.plot([0, 1, 2], [0.5, 0.7, 0.9], color=COLORS[0], label="Accuracy")
    axes.set_xlabel("Days after launch")
    axes.legend()
    return to_svg(figure, text=text)


def test_a_chart_is_the_same_to_the_byte_each_time() -> None:
    assert draw("rises") == draw("rises")


def test_descriptions_are_escaped_and_labels_stay_text() -> None:
    page = draw('from "half" to <most>')
    assert 'aria-label="from &#34;half&#34; to &lt;most&gt;"' in page
    assert ">Days after launch</text>" in page
    assert ">Accuracy</text>" in page
