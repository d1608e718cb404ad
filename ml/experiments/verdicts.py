"""What to do next after an interim analysis (look), and the reason."""

from typing import NamedTuple

from scipy.special import ndtri

from ml.experiments.analysis import Effect
from ml.experiments.designs import Design, Plan
from ml.experiments.exposures import Look
from ml.experiments.testing import SampleRatio, Test, conditional_power, progress

SHIP, HARM, NO_EFFECT = "stop, ship", "stop, harm", "stop, no effect"
GO_ON, REPAIR = "go on", "stop, repair"

_Z95 = float(-ndtri(0.025))
_CHANGED = 0.001  # smallest p-value at which the shares of an exploratory experiment look steady


class Verdict(NamedTuple):
    """What to do next, why, and whether later looks cannot change it."""

    decision: str
    reason: str
    is_final: bool = False

    def at(self, look: Look) -> "Verdict":
        """Returns it as later looks quote it."""
        at_look = f"look {look.number}, {look.look_at:%-d %b %Y}"
        status = f"decided at {at_look}"
        if not self.is_final:
            status = f"not tested again: less than 1 % new information since {at_look}"
        return self._replace(reason=f"{status}: {self.reason}")


def decide(design: Design, look: Look, test: Test, ratio: SampleRatio, arm: str) -> Verdict | None:
    """Returns the verdict of this look by itself; None when it is not tested."""
    if ratio.is_broken:
        counts = f"{look.exposed[design.control]:,} and {look.exposed[arm]:,} backers"
        return Verdict(
            REPAIR,
            f"the arms are too uneven for chance ({counts}, p = {ratio.p_value:.1g}): find out why"
            " before reading any effect",
        )
    plan = design.plan
    if plan is None:
        return Verdict(GO_ON, _explored(design, look, test, ratio, arm))
    if test.effect is None:
        return Verdict(GO_ON, _missing(look, design.control, arm))
    smaller = min(look.sums[design.control].count, look.sums[arm].count)
    if smaller < design.min_backers:
        return Verdict(
            GO_ON,
            f"an arm has {smaller:,} backers whose window is over,"
            f" {design.min_backers:,} are needed",
        )
    if reason := _unfinished(design, plan, look):
        return Verdict(GO_ON, reason)
    if test.fraction is None:
        return None
    if test.critical is None:
        return Verdict(
            GO_ON, f"at {100 * test.fraction:.1f} % of the planned information it is too early"
        )
    return _judge(design, plan, test, test.effect, test.fraction, test.critical)


def _unfinished(design: Design, plan: Plan, look: Look) -> str | None:
    """Returns what is missing of the minimum run; None when nothing is."""
    so_far = progress(design, look)
    if so_far.is_enough:
        return None
    return (
        "nothing is tested before the minimum run is over: windows are over of"
        f" {min(so_far.entry_days, design.min_entry_days)} of {design.min_entry_days} days of entry"
        f" and of {100 * so_far.population_share:.0f} % of the registered population"
        f" ({100 * plan.min_population_share:.0f} % needed)"
    )


def _explored(design: Design, look: Look, test: Test, ratio: SampleRatio, arm: str) -> str:
    """Returns what an experiment without a design shows, and with which window."""
    text = _missing(look, design.control, arm)
    if test.effect is not None:
        low, high = test.effect.interval(_Z95)
        text = (
            f"{_difference(test.effect)}, {100 * low:+.2f} to {100 * high:+.2f} and"
            f" p = {test.effect.p_value:.2g} for this look alone"
        )
    text = f"exploratory, no design was registered, so this decides nothing: {text}"
    if look.first_closes_at:
        over = "was over" if look.first_closes_at <= look.look_at else "is over"
        text += f"; windows of {design.window_days} days, the first {over}"
        text += f" on {look.first_closes_at:%-d %b %Y}"
    if ratio.p_value is not None:
        text += (
            f"; {look.exposed[design.control]:,} and {look.exposed[arm]:,} backers seen,"
            f" p = {ratio.p_value:.2g} against equal shares (information only)"
        )
    if ratio.change_p_value is not None and ratio.change_p_value < _CHANGED:
        text += (
            f"; the shares of the arms changed on the way (p = {ratio.change_p_value:.1g}): compare"
            " them within a stretch of equal shares, what differs may be the time"
        )
    return text


def _difference(found: Effect) -> str:
    lift = "" if found.lift is None else f" ({100 * found.lift:+.1f} %)"
    return f"conversion differs by {100 * found.difference:+.2f} points{lift}"


def _missing(look: Look, control: str, arm: str) -> str:
    for name in (control, arm):
        if not look.exposed[name]:
            return f"arm {name} is empty: no backer was seen in it"
        if look.sums[name].count < 2:
            first = look.first_closes_at
            when = f" (the first window ends on {first:%-d %b %Y})" if first else ""
            return f"arm {name} has no two backers whose window is over yet{when}"
    return "nothing varies in either arm (nobody, or everybody, converted): there is no test"


def _judge(
    design: Design, plan: Plan, test: Test, found: Effect, fraction: float, critical: float
) -> Verdict:
    low, high = found.interval(critical)
    text = f"{_difference(found)}, over all looks {100 * low:+.2f} to {100 * high:+.2f}"
    if test.crossed > 0:
        return Verdict(SHIP, f"{text}; z = {found.z:.2f} reached {critical:.2f}", True)
    if test.crossed < 0:
        return Verdict(HARM, f"{text}; z = {found.z:.2f} reached -{critical:.2f}", True)
    within = f"{text}; z = {found.z:.2f} is within {critical:.2f}"
    if fraction >= 1:
        return Verdict(NO_EFFECT, f"{within} and all planned information is there", True)
    chance = conditional_power(design, test)
    if chance is not None and chance < plan.futility:
        return Verdict(
            NO_EFFECT,
            f"{within}; the chance to still find {100 * plan.lift:+.0f} % is {100 * chance:.1f} %"
            " (advice: going on stays valid)",
        )
    return Verdict(GO_ON, f"{within} at {100 * fraction:.0f} % of the planned information")
