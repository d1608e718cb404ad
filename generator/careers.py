"""Campaigns in waves, the first projects of all creators first: later ones follow from them."""

from dataclasses import dataclass

import numpy as np

from generator.arrays import Bools, Floats, Ints
from generator.campaigns import NOT_CANCELLED, StepPledges, simulate_all_steps
from generator.config import SimulationConfig
from generator.demand import Demand, make_demand
from generator.highlighting import Highlighting, promoted
from generator.launches import Projects
from generator.people import Backers
from generator.rhythm import WeeklyRhythm
from generator.scenarios import BotPledges, bot_accounts, bot_pledges, is_drifted, repriced

MAX_REWARDED_SUCCESSES = 4


@dataclass(frozen=True, slots=True)
class Campaigns:
    """How the projects of a block ended, uncensored; one element per project.

    Attributes:
        raised: Cents pledged by the deadline or cancellation.
        cancelled_at: Microseconds since 1970, or NOT_CANCELLED.
        is_funded: Reached the goal and was not cancelled.
        score: Latent score that demand followed from.
    """

    raised: Ints
    cancelled_at: Ints
    is_funded: Bools
    score: Floats


@dataclass(frozen=True, slots=True)
class Wave:
    """The k-th projects of all creators: their positions, demand and pledges."""

    rows: Ints
    demand: Demand
    pledges: StepPledges
    bots: BotPledges


def pledge_cap(config: SimulationConfig) -> int:
    """Returns the most pledges that a project may get."""
    backers = config.backers_per_scale * config.scale
    return max(1, min(config.cap_pledges, int(config.cap_backers_share * backers)))


def simulate_campaigns(
    config: SimulationConfig,
    projects: Projects,
    backers: Backers,
    intrinsic_score: Floats,
    highlighting: Highlighting,
    rhythm: WeeklyRhythm,
    streams: dict[str, np.random.Generator],
) -> tuple[Campaigns, list[Wave]]:
    """Simulates the creators' first projects, then their second ones, given the first outcomes."""
    count, cap = len(projects.goal), pledge_cap(config)
    raised, cancelled_at = np.zeros(count, dtype=np.int64), np.full(count, NOT_CANCELLED)
    is_funded, score = np.zeros(count, dtype=np.bool_), np.zeros(count)
    accounts = bot_accounts(config, backers, streams["scenario"])
    is_late = is_drifted(config, projects)
    waves = []
    for wave in range(int(projects.wave.max()) + 1):
        rows = np.flatnonzero(projects.wave == wave)
        score[rows] = intrinsic_score[rows] + history_score(
            config, projects, rows, wave, is_funded, cancelled_at
        )
        demand = make_demand(config, projects, rows, score[rows], cap, rhythm, streams["appeal"])
        demand = promoted(config, demand, highlighting, rows)
        demand = repriced(config, demand, is_late[rows])
        outcome, pledges = simulate_all_steps(
            config, demand, projects.goal[rows], cap, streams["campaigns"]
        )
        bots = bot_pledges(
            config,
            projects,
            rows,
            accounts=accounts,
            room=cap - np.bincount(pledges.campaign, minlength=len(rows)),
            cancelled_at=outcome.cancelled_at,
            rng=streams["scenario"],
        )
        raised[rows], cancelled_at[rows] = outcome.raised, outcome.cancelled_at
        np.add.at(raised, bots.project, bots.amount)
        is_funded[rows] = (raised[rows] >= projects.goal[rows]) & (
            outcome.cancelled_at == NOT_CANCELLED
        )
        waves.append(Wave(rows, demand, pledges, bots))
    return Campaigns(raised, cancelled_at, is_funded, score), waves


def history_score(
    config: SimulationConfig,
    projects: Projects,
    rows: Ints,
    wave: int,
    is_funded: Bools,
    cancelled_at: Ints,
) -> Floats:
    """Returns what earlier projects, ended by the launch, add to the score."""
    closed_at = np.minimum(projects.deadline_at, cancelled_at)
    by_creator = np.empty(int(projects.creator.max()) + 1, dtype=np.int64)
    successes = np.zeros(len(rows), dtype=np.int64)
    failures = np.zeros(len(rows), dtype=np.int64)
    for earlier in range(wave):
        those = np.flatnonzero(projects.wave == earlier)
        by_creator[projects.creator[those]] = those
        prior = by_creator[projects.creator[rows]]
        is_known = closed_at[prior] < projects.launched_at[rows]
        successes += is_known & is_funded[prior]
        failures += is_known & ~is_funded[prior]
    learned = config.success_weight * np.minimum(successes, MAX_REWARDED_SUCCESSES) ** 0.35
    lost = config.failure_weight * ((failures > 0) & (successes == 0))
    # Histories grow as the platform ages: undone by their own length, success stays level.
    undone = config.history_growth * np.log(np.maximum(successes + failures, 1))
    effect: Floats = learned - lost - undone
    return effect
