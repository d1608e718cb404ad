"""One block of the world: creators, backers, projects and all that follows from them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from generator.arrays import DAY, Bools, Floats, Ints, even_normal
from generator.backing import Pledges, assign_backers, pledge_moments
from generator.campaigns import NOT_CANCELLED, StepPledges, run_campaigns
from generator.config import SimulationConfig
from generator.delivery import Delivery, Plan, Votes, deliver, make_supporters, plan_milestones
from generator.demand import make_demand, static_score
from generator.experiment import Exposures, expose
from generator.launches import Projects, make_projects
from generator.people import Backers, Creators, make_backers, make_creators
from generator.rhythm import WeeklyRhythm, pledge_rhythm

# A random stream of its own for each part: changing one leaves the others as they are.
STREAMS = (
    *("creators", "backers", "projects", "appeal", "campaigns", "backing"),
    *("plan", "delivery", "experiment", "text"),
)
MOST_REWARDED_SUCCESSES = 4


@dataclass(frozen=True, slots=True)
class Campaigns:
    """How the projects of a block ended, as if watched to the end; one element per project.

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
class Block:
    """A closed part of the platform: nobody in it meets anybody outside.

    Events are complete, also those after the end of recording, except pledges and exposures.
    """

    creators: Creators
    backers: Backers
    projects: Projects
    campaigns: Campaigns
    pledges: Pledges
    plan: Plan
    delivery: Delivery
    votes: Votes
    exposures: Exposures
    streams: dict[str, np.random.Generator]


def micros(config: SimulationConfig) -> tuple[int, int]:
    """Returns begin and end of recording in microseconds since 1970."""
    return int(config.starts_at.timestamp()) * 1_000_000, int(
        config.ends_at.timestamp()
    ) * 1_000_000


def block_scales(config: SimulationConfig) -> list[int]:
    """Splits the platform into blocks of at most `block_scale`, as equal as can be."""
    blocks = -(-config.scale // config.block_scale)
    return [(config.scale + index) // blocks for index in range(blocks)]


def simulate(config: SimulationConfig) -> Iterator[Block]:
    """Yields the blocks of the world; each depends on the seed and its own number only."""
    for index, units in enumerate(block_scales(config)):
        parts = np.random.SeedSequence(config.seed, spawn_key=(index,)).spawn(len(STREAMS))
        streams = {
            name: np.random.Generator(np.random.SFC64(part))
            for name, part in zip(STREAMS, parts, strict=True)
        }
        yield simulate_block(config, units, streams)


def simulate_block(
    config: SimulationConfig, units: int, streams: dict[str, np.random.Generator]
) -> Block:
    """Plays one block of `units` scale units from the first launch to the last vote."""
    starts_at, ends_at = micros(config)
    experiment_from = ends_at - int(config.exposure_days * DAY)
    rhythm = pledge_rhythm()
    creators = make_creators(config, config.creators_per_scale * units, streams["creators"])
    backers = make_backers(
        config, config.backers_per_scale * units, starts_at, ends_at, streams["backers"]
    )
    projects = make_projects(
        config, creators, config.projects_per_scale * units, starts_at, ends_at, streams["projects"]
    )
    campaigns, waves = _play_campaigns(config, creators, projects, rhythm, streams)
    pledges = _recorded_pledges(
        config, backers, projects, waves, rhythm, ends_at, experiment_from, streams["backing"]
    )
    plan = plan_milestones(config, projects, streams["plan"])
    is_delivering = campaigns.is_funded & (projects.deadline_at < ends_at)
    delivery, votes = deliver(
        config,
        projects,
        plan,
        skill=creators.skill[projects.creator],
        is_funded=is_delivering,
        supporters=make_supporters(
            pledges.project, pledges.backer, len(projects.goal), len(backers.able_at)
        ),
        engagement=backers.engagement,
        rng=streams["delivery"],
    )
    exposures = expose(
        config,
        projects,
        backers,
        pledges,
        closed_at=np.minimum(projects.deadline_at, campaigns.cancelled_at),
        experiment_from=experiment_from,
        ends_at=ends_at,
        count=config.exposures_per_scale * units,
        rhythm=rhythm,
        rng=streams["experiment"],
    )
    return Block(
        creators, backers, projects, campaigns, pledges, plan, delivery, votes, exposures, streams
    )


def _play_campaigns(
    config: SimulationConfig,
    creators: Creators,
    projects: Projects,
    rhythm: WeeklyRhythm,
    streams: dict[str, np.random.Generator],
) -> tuple[Campaigns, list[tuple[Ints, StepPledges]]]:
    """Plays the creators' first projects, then their second ones, who know how the first went."""
    count = len(projects.goal)
    raised, cancelled_at = np.zeros(count, dtype=np.int64), np.full(count, NOT_CANCELLED)
    is_funded, score = np.zeros(count, dtype=np.bool_), np.zeros(count)
    known_score = static_score(config, projects)
    appeal = config.appeal_sd * even_normal(streams["appeal"], count)
    backers = config.backers_per_scale * config.scale
    cap = max(1, min(config.cap_pledges, int(config.cap_backers_share * backers)))
    waves = []
    for wave in range(int(projects.wave.max()) + 1):
        rows = np.flatnonzero(projects.wave == wave)
        score[rows] = (
            config.base_score
            + config.static_weight * known_score[rows]
            + config.skill_weight * creators.skill[projects.creator[rows]]
            + history_score(config, projects, rows, wave, is_funded, cancelled_at)
            + appeal[rows]
        )
        demand = make_demand(config, projects, rows, score[rows], cap, rhythm, streams["appeal"])
        outcome, pledges = run_campaigns(
            config, demand, projects.goal[rows], cap, streams["campaigns"]
        )
        raised[rows], cancelled_at[rows] = outcome.raised, outcome.cancelled_at
        is_funded[rows] = (outcome.raised >= projects.goal[rows]) & (
            outcome.cancelled_at == NOT_CANCELLED
        )
        waves.append((rows, pledges))
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
    learned = config.success_weight * np.minimum(successes, MOST_REWARDED_SUCCESSES) ** 0.35
    lost = config.failure_weight * ((failures > 0) & (successes == 0))
    # Histories grow as the platform ages; undone, or success would rise over the years.
    drift = config.history_drift * (np.sqrt(projects.place_in_time[rows]) - 2 / 3)
    effect: Floats = learned - lost - drift
    return effect


def _recorded_pledges(
    config: SimulationConfig,
    backers: Backers,
    projects: Projects,
    waves: list[tuple[Ints, StepPledges]],
    rhythm: WeeklyRhythm,
    ends_at: int,
    experiment_from: int,
    rng: np.random.Generator,
) -> Pledges:
    """Puts the pledges of all waves in the order of time, up to the end of recording."""
    project = np.concatenate([rows[pledges.campaign] for rows, pledges in waves])
    amount = np.concatenate([pledges.amount for _, pledges in waves])
    moment = np.concatenate(
        [pledge_moments(pledges.opens_at, pledges.closes_at, rhythm, rng) for _, pledges in waves]
    )
    order = np.argsort(moment, kind="stable")
    order = order[: np.searchsorted(moment[order], ends_at)]
    project = project[order]
    return assign_backers(
        config,
        backers,
        project=project,
        category=projects.category[project],
        amount=amount[order],
        pledged_at=moment[order],
        experiment_from=experiment_from,
        rng=rng,
    )
