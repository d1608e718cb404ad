"""The experiment's effect, in the world as assigned and in two counterfactual ones."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from generator.arrays import Bools, Floats
from generator.config import SimulationConfig
from generator.experiment import NO_PLEDGE
from generator.highlighting import budget_loss
from generator.world import Block, simulate

ASSIGNED, ALL, NONE = "assigned", "all_highlighted", "none_highlighted"
VARIANTS = ("control", "treatment")
# The arms there are: in a world where all or none are highlighted there is one.
ARMS = ((ASSIGNED, 0), (ASSIGNED, 1), (ALL, 1), (NONE, 0))


def counterfactual_blocks(config: SimulationConfig, treated_share: float) -> Iterator[Block]:
    """Yields the blocks of the same seed's world with this share of backers treated."""
    return simulate(replace(config, treated_share=treated_share))


class ArmTotals:
    """Sums over the backers of each arm, from block to block."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self._sums = {arm: np.zeros(8) for arm in ARMS}

    def add(self, world: str, block: Block) -> None:
        """Adds the backers of a block of one world."""
        for place, variant in ARMS:
            if place == world:
                self._sums[place, variant] += _sums(block, block.backers.is_treated == variant)

    def rows(self) -> list[dict[str, float | str]]:
        """Returns one row per arm; money in cents; errors are clustered by backer."""
        return [_row(world, variant, sums) for (world, variant), sums in self._sums.items()]

    def effects(self, config: SimulationConfig) -> list[tuple[str, float | None, float, float]]:
        """Returns name, configured value, realised value and its standard error, or NaN."""
        rows = {(row["world"], row["variant"]): row for row in self.rows()}
        control, treatment = (rows[ASSIGNED, variant] for variant in VARIANTS)
        everybody, nobody = rows[ALL, VARIANTS[1]], rows[NONE, VARIANTS[0]]
        lift, error = lift_of(
            *(float(control[name]) for name in ("conversion_ratio", "conversion_ratio_error")),
            *(float(treatment[name]) for name in ("conversion_ratio", "conversion_ratio_error")),
        )
        return [
            ("highlight_lift", config.highlight_lift, lift, error),
            *(
                (f"all_against_none_{name}", configured, _change(everybody, nobody, name), np.nan)
                for name, configured in (
                    # Not the lift: campaigns near their cap or rescued by their creators take no
                    # more pledges, however many would come.
                    ("conversion_ratio", None),
                    ("amount_per_backer", None),
                    ("never_highlighted_amount", -budget_loss(config)),
                )
            ),
        ]


def lift_of(
    base: float, base_error: float, other: float, other_error: float
) -> tuple[float, float]:
    """Returns the relative lift of one ratio over another, with its standard error."""
    if base <= 0 or other <= 0:
        return float("nan"), float("nan")
    relative = np.hypot(base_error / base, other_error / other)
    return other / base - 1, float(relative * other / base)


def _sums(block: Block, is_theirs: Bools) -> Floats:
    exposures, pledges, count = block.exposures, block.pledges, len(is_theirs)
    views = np.bincount(exposures.backer, minlength=count)[is_theirs]
    converting = exposures.backer[exposures.pledge != NO_PLEDGE]
    gains = np.bincount(converting, minlength=count)[is_theirs]
    is_running = pledges.pledged_at >= block.highlighting.begins_at
    is_other = ~block.highlighting.is_highlighted[pledges.project]
    theirs = is_running & is_theirs[pledges.backer]
    return np.array(
        [
            is_theirs.sum(),
            views.sum(),
            gains.sum(),
            (views * views).sum(),
            (gains * gains).sum(),
            (views * gains).sum(),
            pledges.amount[theirs].sum(),
            pledges.amount[theirs & is_other].sum(),
        ],
        dtype=np.float64,
    )


def _row(world: str, variant: int, sums: Floats) -> dict[str, float | str]:
    backers, views, gains, views2, gains2, both, amount, other = sums.tolist()
    ratio = gains / views if views else float("nan")
    # Delta method for a ratio of sums over independent backers.
    spread = gains2 - 2 * ratio * both + ratio * ratio * views2
    return {
        "world": world,
        "variant": VARIANTS[variant],
        "backer_count": backers,
        "view_count": views,
        "conversion_count": gains,
        "conversion_ratio": ratio,
        "conversion_ratio_error": np.sqrt(max(spread, 0.0)) / views if views else float("nan"),
        "pledged_amount": amount,
        "amount_per_backer": amount / backers if backers else float("nan"),
        "never_highlighted_amount": other,
    }


def _change(row: dict[str, float | str], base: dict[str, float | str], name: str) -> float:
    before = float(base[name])
    return float(row[name]) / before - 1 if before else float("nan")
