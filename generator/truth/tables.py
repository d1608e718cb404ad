"""The truth of a world as rows: what each block hides, and what is known when all are done."""

from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa

from generator import catalogue, keyed_random
from generator.arrays import Floats, Ints
from generator.columns import booleans, floats, integers, money, texts, timestamps
from generator.config import SimulationConfig
from generator.digests import DataDigest, code_digest
from generator.rhythm import pledge_rhythm
from generator.scenarios import begins_at, is_drifted
from generator.truth.experiment import ALL, ASSIGNED, NONE, ArmTotals, counterfactual_blocks
from generator.truth.risk import milestone_risks, strategy_risks
from generator.truth.schemas import TRUTH_SCHEMAS
from generator.truth.success import KINDS, success_probabilities
from generator.world import Block, micros

MAX_PROJECTS = 20_000
CONTINUATIONS = 64
# Fewer suffice where thousands of milestones are averaged.
STRATEGY_REPETITIONS = 8
SAMPLING = 1
TRUTH_STREAMS = 1 << 20
MONEY_COLUMNS = ("pledged_amount", "amount_per_backer", "never_highlighted_amount")


class TruthRecorder:
    """Records the truth of blocks, one after another, and sums up at the end."""

    def __init__(
        self,
        config: SimulationConfig,
        continuations: int = CONTINUATIONS,
        max_projects: int = MAX_PROJECTS,
    ) -> None:
        """Prepares the counterfactual worlds; `max_projects` bounds the projects continued."""
        self._config = config
        self._continuations = continuations
        self._project_count = config.projects_per_scale * config.scale
        self._max_projects = max_projects
        self._arms = ArmTotals()
        self._others = {
            ALL: counterfactual_blocks(config, 1.0),
            NONE: counterfactual_blocks(config, 0.0),
        }
        self._strategies: list[tuple[Floats, Floats]] = []
        self._data = DataDigest()
        self._blocks = 0
        self._threshold = _threshold(self._project_count, max_projects)

    def block_tables(
        self, block: Block, ids: dict[str, int], recorded: dict[str, pa.Table]
    ) -> dict[str, pa.Table]:
        """Returns the truth about a block, which must come in the order of simulation.

        Args:
            block: The simulated block.
            ids: The first id of each table in it.
            recorded: The rows of data that the truth stands beside.
        """
        config = self._config
        for name, rows in recorded.items():
            self._data.add(name, rows)
        seeds = np.random.SeedSequence(config.seed, spawn_key=(TRUTH_STREAMS, self._blocks))
        rng = np.random.Generator(np.random.SFC64(seeds))
        self._blocks += 1
        self._arms.add(ASSIGNED, block)
        for world, blocks in self._others.items():
            self._arms.add(world, next(blocks))
        project_id = np.arange(len(block.projects.goal)) + ids["projects"]
        is_sampled = _hashes(project_id) <= self._threshold
        found = success_probabilities(
            config, block, is_sampled, self._continuations, pledge_rhythm(), rng
        )
        risks = milestone_risks(config, block, is_sampled, self._continuations, rng)
        self._strategies.append(
            strategy_risks(config, block, is_sampled, STRATEGY_REPETITIONS, rng)
        )
        outcome_at = np.minimum(block.projects.deadline_at, block.campaigns.cancelled_at)
        rows, repeated = len(risks.milestone), np.full(len(risks.milestone), self._continuations)
        columns: dict[str, list[Any]] = {
            "truth_creators": [
                integers(np.arange(len(block.creators.skill)) + ids["creators"]),
                floats(block.creators.skill),
                floats(block.creators.goal_residual),
                _categories(block.creators.category),
            ],
            "truth_backers": [
                integers(np.arange(len(block.backers.engagement)) + ids["backers"]),
                floats(block.backers.engagement),
                booleans(block.backers.is_treated),
            ],
            "truth_projects": _projects(config, block, ids),
            "truth_snapshots": [
                integers(found.project + ids["projects"]),
                texts(list(KINDS), found.kind),
                timestamps(found.snapshot_at),
                booleans(found.is_decided),
                floats(found.probability),
                integers(found.continuation_count),
                booleans(block.campaigns.is_funded[found.project]),
                timestamps(outcome_at[found.project]),
            ],
            "truth_milestones": [
                integers(risks.milestone + ids["milestones"]),
                integers(block.plan.project[risks.milestone] + ids["projects"]),
                timestamps(risks.started_at),
                floats(risks.probability),
                integers(repeated[:rows]),
                booleans(risks.is_high_risk),
            ],
            "truth_exposures": [
                integers(np.arange(len(block.exposures.is_shown)) + ids["experiment_exposures"]),
                booleans(block.exposures.is_shown),
            ],
            "truth_bot_pledges": [
                integers(np.flatnonzero(block.pledges.is_by_bot) + ids["pledges"])
            ],
        }
        return {
            name: pa.Table.from_arrays(values, schema=TRUTH_SCHEMAS[name])
            for name, values in columns.items()
        }

    def summary_tables(self) -> dict[str, pa.Table]:
        """Returns what is known when all blocks are done: effects, worlds, settings."""
        effects = [
            {
                "effect": name,
                "configured": configured,
                "realised": realised,
                "realised_error": error,
                "unit": unit,
            }
            for name, configured, realised, error, unit in (
                *((*effect, "ratio") for effect in self._arms.effects(self._config)),
                *_strategy_effects(self._config, self._strategies),
            )
        ]
        worlds = [
            {
                name: float(value) / 100 if name in MONEY_COLUMNS else _whole(name, value)
                for name, value in row.items()
            }
            for row in self._arms.rows()
        ]
        return {
            name: pa.Table.from_pylist(_without_nan(rows), schema=TRUTH_SCHEMAS[name])
            for name, rows in (
                ("truth_effects", effects),
                ("truth_worlds", worlds),
                ("truth_settings", self._settings()),
            )
        }

    def _settings(self) -> list[dict[str, Any]]:
        config = self._config
        parameters = [
            {
                "name": item.name,
                "value": str(getattr(config, item.name)),
                "unit": item.metadata["unit"],
                "meaning": item.metadata["meaning"],
            }
            for item in fields(config)
        ]
        is_changed = config.scenario != "steady"
        onset = str(np.datetime64(begins_at(config), "us")) if is_changed else None
        experiment_at = micros(config)[1] - int(config.exposure_days * 86_400_000_000)
        sampled = min(self._max_projects, self._project_count)
        facts = (
            ("scenario_begins_at", onset, "timestamp", "launches from here on are changed"),
            (
                "experiment_begins_at",
                str(np.datetime64(experiment_at, "us")),
                "timestamp",
                "first views of the experiment",
            ),
            ("project_count", str(self._project_count), "rows", "projects of the world"),
            ("sampled_project_count", str(sampled), "rows", "projects continued, by hash of id"),
            ("continuations", str(self._continuations), "number", "per snapshot and milestone"),
            ("code_digest", code_digest(), "SHA-256", "code that made data and truth"),
            *(
                (f"{name}_digest", digest, "SHA-256", f"the {name} that this is the truth of")
                for name, digest in self._data.values().items()
            ),
        )
        names = ("name", "value", "unit", "meaning")
        return parameters + [dict(zip(names, fact, strict=True)) for fact in facts]


def _projects(config: SimulationConfig, block: Block, ids: dict[str, int]) -> list[Any]:
    count = len(block.projects.goal)

    def of_waves(name: str) -> Floats:
        values = np.empty(count)
        for wave in block.waves:
            values[wave.rows] = getattr(wave.demand, name)
        return values

    jumps_at = of_waves("jumps_at")
    return [
        integers(np.arange(count) + ids["projects"]),
        integers(block.projects.creator + ids["creators"]),
        floats(block.skill),
        floats(block.trouble),
        floats(block.campaigns.score),
        floats(of_waves("expected")),
        floats(of_waves("friends")),
        floats(of_waves("typical") / 100),
        floats(of_waves("token_share")),
        floats(of_waves("rescue_ratio")),
        floats(np.where(np.isfinite(jumps_at), jumps_at, 0.0), np.isfinite(jumps_at)),
        booleans(block.highlighting.is_highlighted),
        booleans(is_drifted(config, block.projects)),
        money(block.campaigns.raised),
        booleans(block.campaigns.is_funded),
    ]


def _strategy_effects(
    config: SimulationConfig, parts: list[tuple[Floats, Floats]]
) -> list[tuple[str, float | None, float, float, str]]:
    """Compares each strategy with the first one, milestone by milestone."""
    risk = np.concatenate([part[0] for part in parts], axis=1)
    late = np.concatenate([part[1] for part in parts], axis=1)
    effects: list[tuple[str, float | None, float, float, str]] = []
    for number, name in enumerate(catalogue.STRATEGIES[1:], start=1):
        slip = config.strategy_slips[number] - config.strategy_slips[0]
        effects.append((f"{name}_slip", slip, *_mean(late[number] - late[0]), "score; days late"))
        effects.append((f"{name}_risk", None, *_mean(risk[number] - risk[0]), "probability"))
    return effects


def _mean(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return float("nan"), float("nan")
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))


def _threshold(count: int, max_projects: int) -> np.uint64:
    """Returns the largest hash of an id that is sampled: `max_projects` of 1 .. `count`, or all."""
    if count <= max_projects:
        return np.uint64(2**64 - 1)
    hashes = _hashes(np.arange(1, count + 1))
    return np.uint64(np.partition(hashes, max_projects - 1)[max_projects - 1])


def _hashes(ids: Ints) -> keyed_random.Keys:
    return keyed_random.bits(ids.astype(np.uint64), SAMPLING)


def _categories(category: Ints) -> pa.Array:
    return texts([item.name for item in catalogue.CATEGORIES], category)


def _whole(name: str, value: Any) -> Any:
    return int(value) if name.endswith("_count") else value


def _without_nan(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            key: None if isinstance(value, float) and value != value else value
            for key, value in row.items()
        }
        for row in rows
    ]
