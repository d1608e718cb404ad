"""The world that calibration is measured on, and the quantities of its campaigns."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from generator.arrays import Bools, Floats, Ints
from generator.campaigns import NOT_CANCELLED
from generator.config import SimulationConfig
from generator.world import Block, micros

SCALE = 100
CONFIG = SimulationConfig(scale=SCALE, seed=4711, block_scale=SCALE)
END = micros(CONFIG)[1]


@dataclass(frozen=True)
class Sample:
    """A world, and what the tests measure of its campaigns that ran to their deadline."""

    block: Block

    @cached_property
    def over(self) -> Bools:
        """Campaigns that ended and were not cancelled."""
        is_kept: Bools = self.block.campaigns.cancelled_at == NOT_CANCELLED
        return is_kept & (self.block.projects.deadline_at < END)

    @cached_property
    def goal(self) -> Floats:
        """Goals in money."""
        return self.block.projects.goal / 100

    @cached_property
    def ratio(self) -> Floats:
        """Money raised over goal."""
        return self.block.campaigns.raised / self.block.projects.goal

    @cached_property
    def backers(self) -> Ints:
        """Distinct backers of each project."""
        pledges = self.block.pledges
        pair = np.unique(pledges.project * len(self.block.backers.able_at) + pledges.backer)
        count = np.bincount(pair // len(self.block.backers.able_at), minlength=len(self.goal))
        return count.astype(np.int64)

    @cached_property
    def mean_pledge(self) -> Floats:
        """Mean pledge of each project."""
        pledges = np.bincount(self.block.pledges.project, minlength=len(self.goal))
        return self.block.campaigns.raised / 100 / np.maximum(pledges, 1)

    @cached_property
    def history(self) -> tuple[Ints, Ints, Ints]:
        """Earlier launches of the creator, those with an outcome at this launch, successes."""
        projects, campaigns = self.block.projects, self.block.campaigns
        closed_at = np.minimum(projects.deadline_at, campaigns.cancelled_at)
        launches, known, successes = (np.zeros(len(self.goal), dtype=np.int64) for _ in range(3))
        order = np.lexsort((projects.launched_at, projects.creator))
        for lag in range(1, CONFIG.max_projects):
            later, earlier = order[lag:], order[:-lag]
            is_same = projects.creator[later] == projects.creator[earlier]
            later, earlier = later[is_same], earlier[is_same]
            is_known = closed_at[earlier] < projects.launched_at[later]
            launches[later] += 1
            known[later] += is_known
            successes[later] += is_known & campaigns.is_funded[earlier]
        return launches, known, successes
