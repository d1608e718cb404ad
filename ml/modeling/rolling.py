"""A model as a procedure: fitted anew at every cut, measured on what came next, refitted on all.

What is measured is the procedure (Tashman, 2000: rolling-origin evaluation): each launch after the
first cut is predicted by the fit of the newest cut before it, which knew no outcome of later. What
predicts the live is the last fit, which knows every outcome that was there to learn from.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.pipeline import Pipeline

from ml.modeling import combining, estimators
from ml.modeling.combining import Combination, Scored
from ml.modeling.estimators import KIND, Floats
from ml.settings import Features, ModelSettings

Timestamps = npt.NDArray[np.datetime64]

LIVE = "current"  # the kind of snapshot that has no outcome yet


@dataclass(frozen=True, slots=True)
class Fit:
    """The estimators of a model as fitted at one cut, and how they are combined."""

    pipelines: tuple[Pipeline, ...]
    combination: Combination


@dataclass(frozen=True, slots=True)
class FittedModel:
    """The fits of a model.

    Attributes:
        cuts: Rising, in microseconds; the last one is when all rows were known.
        fits: One per cut, of what was known by then.
    """

    cuts: Timestamps
    fits: tuple[Fit, ...]


class Training:
    """Rows to learn from and the cuts among them; every estimator is fitted once to each part."""

    def __init__(self, rows: pa.Table, cuts: Sequence[datetime] = ()) -> None:
        """Leaves out the cuts by which not both outcomes were known.

        Args:
            rows: Features, `label`, `snapshot_kind`, `project_id`, `launched_at`, `closed_at`.
            cuts: Rising; the last fit is of when the last of the rows had closed.
        """
        self._rows = rows
        known_at = pc.max(rows.column("closed_at")).as_py()
        seen = [(cut, rows.filter(pc.less_equal(rows.column("closed_at"), cut))) for cut in cuts]
        both = [(cut, part) for cut, part in seen if len(np.unique(estimators.labels(part))) == 2]
        self.cuts = np.array([*(cut for cut, _ in both), known_at], dtype="datetime64[us]")
        self._seen = [*(part for _, part in both), rows]
        self._place = _place(self.cuts, rows)
        later = rows.filter(pa.array(self._place >= 0))
        self._later = Scored(
            score=np.empty((later.num_rows, 0)),
            label=estimators.labels(later),
            snapshot_kind=estimators.kinds(later),
            project_id=later.column("project_id").to_numpy(),
            stretch=self._place[self._place >= 0],
        )
        self._closed_at = _times(later, "closed_at")
        self._pipelines: dict[tuple[str, str], list[Pipeline]] = {}
        self._scores: dict[tuple[str, str], Floats] = {}

    def fit(self, model: ModelSettings) -> FittedModel:
        """Fits a model at every cut and to all rows; equal rows in equal order, an equal model."""
        members = model.members()
        known = self._scored(members)
        pipelines = [self._pipelines[_key(member)] for member in members]
        fits = []
        for place, seen in enumerate(self._seen):
            prior = np.array(model.priors(pc.count_distinct(seen.column("project_id")).as_py()))
            with estimators.one_thread():
                combination = combining.fit(self._known_by(place, known), prior)
            fits.append(Fit(tuple(each[place] for each in pipelines), combination))
        return FittedModel(self.cuts, tuple(fits))

    def stretches(self, model: ModelSettings) -> Iterator[tuple[npt.NDArray[np.bool_], Floats]]:
        """Returns labels and scores of the launches after each cut, by one estimator."""
        known = self._scored([model])
        for stretch in np.unique(known.stretch):
            part = known.where(known.stretch == stretch)
            yield part.label, part.score[:, 0]

    def _scored(self, models: Sequence[ModelSettings]) -> Scored:
        """Returns what each estimator said of the launches after a cut, as fitted at that cut."""
        if missing := [each for each in models if _key(each) not in self._pipelines]:
            self._fit_estimators(missing)
        scores = [self._scores[_key(each)][self._place >= 0] for each in models]
        return self._later._replace(score=np.column_stack(scores))

    def _fit_estimators(self, models: list[ModelSettings]) -> None:
        """Fits estimators at every cut and to all rows, and scores the launches after each cut."""
        # A fit is the same to the bit beside others; they let go of the interpreter meanwhile.
        with estimators.one_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
            fitted = list(pool.map(partial(estimators.fit_pipelines, models), self._seen))
        scores = np.full((self._rows.num_rows, len(models)), np.nan)
        for place, pipelines in enumerate(fitted[:-1]):
            mask = self._place == place
            if mask.any():
                scores[mask] = estimators.scores(pipelines, self._rows.filter(pa.array(mask)))
        for number, model in enumerate(models):
            self._pipelines[_key(model)] = [each[number] for each in fitted]
            self._scores[_key(model)] = scores[:, number]

    def _known_by(self, place: int, known: Scored) -> Scored:
        """Returns the part of which the outcome was known when the fit of that place was made."""
        if place == len(self.cuts) - 1:
            return known
        return known.where((self._closed_at <= self.cuts[place]) & (known.stretch < place))


def cuts_among(rows: pa.Table, shares: Sequence[float]) -> list[datetime]:
    """Returns for each share the launch by which it of the projects of the rows had begun."""
    by_project = rows.group_by("project_id").aggregate([("launched_at", "min")])
    launches = sorted(by_project.column("launched_at_min").to_pylist())
    return sorted({launches[int(share * len(launches))] for share in shares if launches})


def score(fitted: FittedModel, rows: pa.RecordBatch | pa.Table) -> Floats:
    """Returns the probability of the label for each row, the same alone as in any batch.

    What is live is scored by the last fit; any other snapshot by the newest fit that was made
    before its project was launched, so that none has seen its outcome (by the first one if all are
    later: what a model learned from is no test of it).

    Args:
        fitted: The model.
        rows: The features, `snapshot_kind`, and `launched_at` unless all is live.
    """
    place = np.full(rows.num_rows, len(fitted.cuts) - 1)
    is_past = estimators.kinds(rows) != LIVE
    if is_past.any():
        place[is_past] = np.maximum(_place(fitted.cuts, rows)[is_past], 0)
    found = np.empty(rows.num_rows)
    for each in np.unique(place):
        mask = place == each
        found[mask] = score_by(fitted.fits[each], rows.filter(pa.array(mask)))
    return found


def score_by(fit: Fit, rows: pa.RecordBatch | pa.Table) -> Floats:
    """Returns the probability of the label for each row by one fit."""
    if not rows.num_rows:
        return np.empty(0)
    scores = estimators.scores(fit.pipelines, rows)
    return combining.apply(fit.combination, scores, estimators.kinds(rows))


def fit_before(fitted: FittedModel, rows: pa.Table) -> Fit:
    """Returns the newest fit that was made before any project of the rows was launched."""
    return fitted.fits[max(int(_place(fitted.cuts, rows).min()), 0)]


def features_of(fitted: FittedModel) -> Features:
    """Returns the columns that any estimator of a model reads, beside `snapshot_kind`."""
    read = [estimators.features_of_pipeline(each) for each in fitted.fits[-1].pipelines]
    numeric = dict.fromkeys(name for features in read for name in features.numeric)
    categorical = dict.fromkeys(name for features in read for name in features.categorical)
    return Features(tuple(numeric), tuple(name for name in categorical if name != KIND))


def _place(cuts: Timestamps, rows: pa.RecordBatch | pa.Table) -> npt.NDArray[np.int64]:
    """Returns the place of the newest cut before the launch of each row's project; -1: none."""
    return np.searchsorted(cuts, _times(rows, "launched_at"), side="left") - 1


def _times(rows: pa.RecordBatch | pa.Table, name: str) -> Timestamps:
    times = rows.column(name).to_numpy(zero_copy_only=False)
    return np.asarray(times, dtype="datetime64[us]")


def _key(model: ModelSettings) -> tuple[str, str]:
    return model.estimator, repr((model.hyperparameters, model.features))
