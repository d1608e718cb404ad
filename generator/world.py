"""One block of the world: creators, backers, projects and all that follows from them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from generator.arrays import DAY, Bools, Floats, Ints, ascending, even_normal
from generator.backing import Pledges, assign_backers, pledge_moments, with_bots
from generator.campaigns import NOT_CANCELLED, StepPledges, run_campaigns
from generator.config import SimulationConfig
from generator.delivery import (
    Delivery,
    Plan,
    Supporters,
    Votes,
    deliver,
    make_supporters,
    plan_milestones,
)
from generator.demand import Demand, make_demand, static_score
from generator.experiment import Exposures, expose
from generator.highlighting import Highlighting, choose_highlights, promoted
from generator.launches import Projects, make_projects
from generator.people import Backers, Creators, make_backers, make_creators
from generator.rhythm import WeeklyRhythm, pledge_rhythm
from generator.scenarios import (
    BotPledges,
    begins_at,
    bot_accounts,
    bot_pledges,
    delivering_skill,
    is_drifted,
    recategorised,
    repriced,
)

# A random stream of its own for each part: changing one leaves the others as they are.
STREAMS = (
    *("creators", "backers", "projects", "appeal", "campaigns"),
    *("plan", "delivery", "late_delivery", "experiment", "text", "highlighting", "scenario"),
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
class Wave:
    """The k-th projects of all creators: their positions, what they met, what was pledged."""

    rows: Ints
    demand: Demand
    pledges: StepPledges
    bots: BotPledges


@dataclass(frozen=True, slots=True)
class Block:
    """A closed part of the platform: nobody in it meets anybody outside.

    Events are complete, also those after the end of recording, except pledges and exposures.
    Each project is run with a latent `skill`, its creator's but for a scenario, and meets a latent
    `trouble`, standard normal, in delivery.
    """

    creators: Creators
    backers: Backers
    projects: Projects
    highlighting: Highlighting
    campaigns: Campaigns
    waves: list[Wave]
    pledges: Pledges
    plan: Plan
    skill: Floats
    trouble: Floats
    supporters: Supporters
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
    rhythm = pledge_rhythm()
    creators = make_creators(config, config.creators_per_scale * units, streams["creators"])
    backers = make_backers(
        config, config.backers_per_scale * units, starts_at, ends_at, streams["backers"]
    )
    projects = make_projects(
        config, creators, config.projects_per_scale * units, starts_at, ends_at, streams["projects"]
    )
    # Appeals are spread within the categories: drawn later, a scenario's would change them all.
    appeal = even_normal(streams["appeal"], projects.category)
    projects = recategorised(config, projects, streams["scenario"])
    skill = delivering_skill(config, projects, creators.skill[projects.creator])
    promise = _promise(config, projects, skill, appeal)
    highlighting = choose_highlights(
        config, promise, ends_at - int(config.exposure_days * DAY), streams["highlighting"]
    )
    campaigns, waves = _play_campaigns(
        config, projects, backers, promise, highlighting, rhythm, streams
    )
    pledges = _recorded_pledges(config, backers, projects, highlighting, waves, rhythm, ends_at)
    plan = plan_milestones(config, projects, streams["plan"])
    trouble = streams["delivery"].standard_normal(len(projects.goal))
    supporters = make_supporters(
        pledges.project, pledges.backer, len(projects.goal), len(backers.able_at)
    )
    delivery, votes = _deliver_all(
        config,
        projects,
        plan,
        skill,
        trouble,
        is_funded=campaigns.is_funded & (projects.deadline_at < ends_at),
        supporters=supporters,
        engagement=backers.engagement,
        streams=streams,
    )
    exposures = expose(
        config,
        projects,
        backers,
        pledges,
        highlighting=highlighting,
        closed_at=np.minimum(projects.deadline_at, campaigns.cancelled_at),
        ends_at=ends_at,
        count=config.exposures_per_scale * units,
        rhythm=rhythm,
        rng=streams["experiment"],
    )
    return Block(
        creators=creators,
        backers=backers,
        projects=projects,
        highlighting=highlighting,
        campaigns=campaigns,
        waves=waves,
        pledges=pledges,
        plan=plan,
        skill=skill,
        trouble=trouble,
        supporters=supporters,
        delivery=delivery,
        votes=votes,
        exposures=exposures,
        streams=streams,
    )


def _promise(config: SimulationConfig, projects: Projects, skill: Floats, appeal: Floats) -> Floats:
    """Returns the part of the score that does not depend on how earlier projects went."""
    promise: Floats = (
        config.base_score
        + config.static_weight * static_score(config, projects)
        + config.skill_weight * skill
        + config.appeal_sd * appeal
    )
    return promise


def pledge_cap(config: SimulationConfig) -> int:
    """Returns the most pledges that a project may get."""
    backers = config.backers_per_scale * config.scale
    return max(1, min(config.cap_pledges, int(config.cap_backers_share * backers)))


def _play_campaigns(
    config: SimulationConfig,
    projects: Projects,
    backers: Backers,
    promise: Floats,
    highlighting: Highlighting,
    rhythm: WeeklyRhythm,
    streams: dict[str, np.random.Generator],
) -> tuple[Campaigns, list[Wave]]:
    """Plays the creators' first projects, then their second ones, who know how the first went."""
    count, cap = len(projects.goal), pledge_cap(config)
    raised, cancelled_at = np.zeros(count, dtype=np.int64), np.full(count, NOT_CANCELLED)
    is_funded, score = np.zeros(count, dtype=np.bool_), np.zeros(count)
    accounts = bot_accounts(config, backers, streams["scenario"])
    is_late = is_drifted(config, projects)
    waves = []
    for wave in range(int(projects.wave.max()) + 1):
        rows = np.flatnonzero(projects.wave == wave)
        score[rows] = promise[rows] + history_score(
            config, projects, rows, wave, is_funded, cancelled_at
        )
        demand = make_demand(config, projects, rows, score[rows], cap, rhythm, streams["appeal"])
        demand = promoted(config, demand, highlighting, rows)
        demand = repriced(config, demand, is_late[rows])
        outcome, pledges = run_campaigns(
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
    highlighting: Highlighting,
    waves: list[Wave],
    rhythm: WeeklyRhythm,
    ends_at: int,
) -> Pledges:
    """Puts the pledges of all waves in the order of time, up to the end of recording."""
    project = np.concatenate([wave.rows[wave.pledges.campaign] for wave in waves])
    amount = np.concatenate([wave.pledges.amount for wave in waves])
    key = np.concatenate([wave.pledges.key for wave in waves])
    moment = np.concatenate([pledge_moments(wave.demand, wave.pledges, rhythm) for wave in waves])
    order = ascending(moment)
    order = order[: np.searchsorted(moment[order], ends_at)]
    project = project[order]
    recorded = assign_backers(
        config,
        backers,
        highlighting,
        project=project,
        category=projects.category[project],
        amount=amount[order],
        pledged_at=moment[order],
        key=key[order],
    )
    return with_bots(recorded, [wave.bots for wave in waves], ends_at)


def _deliver_all(
    config: SimulationConfig,
    projects: Projects,
    plan: Plan,
    skill: Floats,
    trouble: Floats,
    *,
    is_funded: Bools,
    supporters: Supporters,
    engagement: Floats,
    streams: dict[str, np.random.Generator],
) -> tuple[Delivery, Votes]:
    """Delivers what was launched before a scenario's beginning apart from what comes later."""
    is_late = projects.launched_at >= begins_at(config)
    (early, early_votes), (late, late_votes) = (
        deliver(
            config,
            projects,
            plan,
            skill=skill,
            trouble=trouble,
            is_funded=is_funded & is_theirs,
            supporters=supporters,
            engagement=engagement,
            rng=streams[name],
        )
        for name, is_theirs in (("delivery", ~is_late), ("late_delivery", is_late))
    )
    is_late_row = is_late[plan.project]
    delivery = Delivery(
        *(
            np.where(is_late_row, getattr(late, name), getattr(early, name))
            for name in Delivery.__slots__
        )
    )
    return delivery, Votes(
        *(
            np.concatenate([getattr(early_votes, name), getattr(late_votes, name)])
            for name in Votes.__slots__
        )
    )
