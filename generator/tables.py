"""Blocks of the world as rows of the seven tables: ids, types, and the cut at the end."""

from typing import Any

import numpy as np
import pyarrow as pa

from generator import catalogue, naming
from generator.arrays import DAY, HOUR, Ints, ascending
from generator.columns import booleans, integers, money, texts, timestamps
from generator.config import SimulationConfig
from generator.experiment import NO_PLEDGE
from generator.people import UNKNOWN_COUNTRY, hide_countries
from generator.schemas import SCHEMAS
from generator.world import Block, micros

VARIANTS = ("control", "treatment")
RESOLUTIONS = ("rejected", "approved")
JOINED_EARLIER_DAYS = 60.0


def first_ids() -> dict[str, int]:
    """Returns the first id of each table of a platform."""
    return dict.fromkeys(SCHEMAS, 1)


def block_tables(
    config: SimulationConfig, block: Block, ids: dict[str, int]
) -> dict[str, pa.Table]:
    """Returns the rows of one block as recorded by the end.

    Args:
        config: The world's parameters.
        block: The simulated block.
        ids: The first free id of each table; positions in the block are added to it.
    """
    _, ends_at = micros(config)
    rng = block.streams["text"]
    columns: dict[str, list[Any]] = {
        "creators": _creators(config, block, ids, rng),
        "backers": _backers(config, block, ids, rng),
        "projects": _projects(config, block, ids, ends_at, rng),
        "pledges": _pledges(block, ids),
        "milestones": _milestones(block, ids, ends_at),
        "votes": _votes(block, ids, ends_at),
        "experiment_exposures": _exposures(config, block, ids),
    }
    return {
        name: pa.Table.from_arrays(columns[name], schema=schema) for name, schema in SCHEMAS.items()
    }


def _creators(
    config: SimulationConfig, block: Block, ids: dict[str, int], rng: np.random.Generator
) -> list[Any]:
    projects, count = block.projects, len(block.creators.skill)
    is_first = projects.wave == 0
    first_launch = np.empty(count, dtype=np.int64)
    first_launch[projects.creator[is_first]] = projects.launched_at[is_first]
    ahead = (rng.exponential(JOINED_EARLIER_DAYS * DAY, count)).astype(np.int64) + HOUR
    country = hide_countries(block.creators.country, config.missing_country_share, rng)
    return [
        _ids(ids["creators"], count),
        naming.display_names(count, rng),
        _countries(country),
        timestamps(first_launch - ahead),
    ]


def _backers(
    config: SimulationConfig, block: Block, ids: dict[str, int], rng: np.random.Generator
) -> list[Any]:
    backers, count = block.backers, len(block.backers.able_at)
    country = hide_countries(backers.country, config.missing_country_share, rng)
    first_act = np.minimum(
        _first_timestamps(block.pledges.backer, block.pledges.pledged_at, count),
        _first_timestamps(block.exposures.backer, block.exposures.exposed_at, count),
    )
    has_acted = first_act < np.iinfo(np.int64).max
    joined_at = np.where(backers.joins_by_acting & has_acted, first_act, backers.able_at)
    return [_ids(ids["backers"], count), _countries(country), timestamps(joined_at)]


def _projects(
    config: SimulationConfig,
    block: Block,
    ids: dict[str, int],
    ends_at: int,
    rng: np.random.Generator,
) -> list[Any]:
    projects, count = block.projects, len(block.projects.goal)
    country = hide_countries(projects.country, config.missing_country_share, rng)
    return [
        _ids(ids["projects"], count),
        integers(projects.creator + ids["creators"]),
        naming.project_titles(projects.category, rng),
        texts([category.name for category in catalogue.CATEGORIES], projects.category),
        _countries(country),
        money(projects.goal),
        timestamps(projects.launched_at),
        timestamps(projects.deadline_at),
        timestamps(block.campaigns.cancelled_at, block.campaigns.cancelled_at < ends_at),
        texts(catalogue.STRATEGIES, projects.strategy),
    ]


def _pledges(block: Block, ids: dict[str, int]) -> list[Any]:
    pledges = block.pledges
    return [
        _ids(ids["pledges"], len(pledges.amount)),
        integers(pledges.project + ids["projects"]),
        integers(pledges.backer + ids["backers"]),
        money(pledges.amount),
        timestamps(pledges.pledged_at),
    ]


def _milestones(block: Block, ids: dict[str, int], ends_at: int) -> list[Any]:
    plan, delivery = block.plan, block.delivery
    is_resolved = delivery.resolved_at < ends_at
    count = block.projects.milestone_count[plan.project]
    return [
        _ids(ids["milestones"], len(plan.amount)),
        integers(plan.project + ids["projects"]),
        integers(plan.number),
        naming.milestone_titles(plan.number, count),
        money(plan.amount),
        timestamps(plan.due_at),
        timestamps(delivery.submitted_at, delivery.submitted_at < ends_at),
        timestamps(delivery.resolved_at, is_resolved),
        texts(RESOLUTIONS, delivery.is_approved.astype(np.int64), is_resolved),
    ]


def _votes(block: Block, ids: dict[str, int], ends_at: int) -> list[Any]:
    recorded = np.flatnonzero(block.votes.voted_at < ends_at)
    order = recorded[ascending(block.votes.voted_at[recorded])]
    return [
        _ids(ids["votes"], len(order)),
        integers(block.votes.milestone[order] + ids["milestones"]),
        integers(block.votes.backer[order] + ids["backers"]),
        booleans(block.votes.is_approval[order]),
        timestamps(block.votes.voted_at[order]),
    ]


def _exposures(config: SimulationConfig, block: Block, ids: dict[str, int]) -> list[Any]:
    exposures, count = block.exposures, len(block.exposures.backer)
    is_treated = block.backers.is_treated[exposures.backer].astype(np.int64)
    return [
        _ids(ids["experiment_exposures"], count),
        texts([config.experiment], np.zeros(count, dtype=np.int64)),
        texts(VARIANTS, is_treated),
        integers(exposures.backer + ids["backers"]),
        integers(exposures.project + ids["projects"]),
        timestamps(exposures.exposed_at),
        integers(exposures.pledge + ids["pledges"], exposures.pledge != NO_PLEDGE),
    ]


def _first_timestamps(actor: Ints, timestamp: Ints, count: int) -> Ints:
    """Returns the first timestamp of each actor; rows in the order of time."""
    first = np.full(count, np.iinfo(np.int64).max)
    # Of equal positions the last assignment stays: here the earliest row.
    first[actor[::-1]] = timestamp[::-1]
    return first


def _ids(first: int, count: int) -> pa.Array:
    return integers(np.arange(first, first + count))


def _countries(country: Ints) -> pa.Array:
    codes = [item.code for item in catalogue.COUNTRIES]
    return texts(codes, np.maximum(country, 0), country != UNKNOWN_COUNTRY)
