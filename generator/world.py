"""One block of the world: creators, backers, projects and all that follows from them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from generator.arrays import DAY, Bools, Floats, ascending, even_normal
from generator.backing import Pledges, assign_backers, pledge_timestamps, with_bots
from generator.careers import Campaigns, Wave, simulate_campaigns
from generator.config import SimulationConfig
from generator.delivery import Delivery, Supporters, Votes, deliver, make_supporters
from generator.demand import static_score
from generator.experiment import Exposures, expose
from generator.highlighting import Highlighting, choose_highlights
from generator.launches import Projects, make_projects
from generator.people import Backers, Creators, make_backers, make_creators
from generator.plans import Plan, plan_milestones
from generator.rhythm import WeeklyRhythm, pledge_rhythm
from generator.scenarios import begins_at, delivering_skill, level_shift, recategorised

# A random stream of its own for each part: changing one leaves the others as they are.
STREAMS = (
    *("creators", "backers", "projects", "appeal", "campaigns"),
    *("plan", "delivery", "late_delivery", "experiment", "text", "highlighting", "scenario"),
)


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
    """Simulates one block of `units` scale units from the first launch to the last vote."""
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
    intrinsic_score = _intrinsic_score(config, projects, skill, appeal)
    highlighting = choose_highlights(
        config, intrinsic_score, ends_at - int(config.exposure_days * DAY), streams["highlighting"]
    )
    # Added after highlights are chosen: they are the best projects of their time in any scenario.
    campaigns, waves = simulate_campaigns(
        config,
        projects,
        backers,
        intrinsic_score + level_shift(config, projects),
        highlighting,
        rhythm,
        streams,
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


def _intrinsic_score(
    config: SimulationConfig, projects: Projects, skill: Floats, appeal: Floats
) -> Floats:
    """Returns the part of the score that does not depend on how earlier projects went."""
    intrinsic_score: Floats = (
        config.base_score
        + config.static_weight * static_score(config, projects)
        + config.skill_weight * skill
        + config.appeal_sd * appeal
    )
    return intrinsic_score


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
    timestamp = np.concatenate(
        [pledge_timestamps(wave.demand, wave.pledges, rhythm) for wave in waves]
    )
    order = ascending(timestamp)
    order = order[: np.searchsorted(timestamp[order], ends_at)]
    project = project[order]
    recorded = assign_backers(
        config,
        backers,
        highlighting,
        project=project,
        category=projects.category[project],
        amount=amount[order],
        pledged_at=timestamp[order],
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
