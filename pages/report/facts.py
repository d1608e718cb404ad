"""Reads the facts of the modeling report from the published schemas core, features and ml."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import sqrt
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any, NamedTuple

from pages.formats import prediction_time
from pages.published import ALL_KINDS, CEILING, INCUMBENT, ORACLE, Published
from pages.report.claims import Measured, Scores
from pages.report.features import FeatureGroup, read_groups

# The models in the order of the report, and what each is about.
MODELS = {"project_success": "project", "milestone_risk": "milestone"}
_VOLUME = """
    select
        count(*), count(distinct creator_id), min(launched_at), max(launched_at),
        coalesce(sum(pledge_count), 0), (select count(*) from core.fct_milestones)
    from core.dim_projects"""
_KIND_ROWS = """
    select
        features.snapshot_kind,
        count(*),
        count(labels.{label}),
        count(labels.{label}) filter (not features.is_decided),
        avg(cast(labels.{label} as integer)),
        avg(cast(labels.{label} as integer)) filter (not features.is_decided)
    from features.{entity}_features as features
    left join features.{entity}_labels as labels
        on features.{entity}_id = labels.{entity}_id
    where features.snapshot_kind <> 'current'
    group by features.snapshot_kind"""
_A_CHOICE = 2
_LATE = {"final_totals_leaking": 1, CEILING: 2, ORACLE: 3}
_LABELS = {"project": "is_successful", "milestone": "is_high_risk"}
_METRICS = """
    select model_version, predictor, split, snapshot_kind, metric,
        value, ci_low, ci_high, row_count, base_rate
    from staging.stg_model_metrics
    where model_name = $name and split <> 'backtest' and value is not null
    order by measured_at, model_version, split, snapshot_kind, metric"""
# What a version was held against stands under the name of the default candidate beside it.
_BASE_VERSION = f"""
    select default_run.model_version
    from staging.stg_model_runs as own
    inner join staging.stg_model_runs as default_run
        on own.model_name = default_run.model_name and own.as_of = default_run.as_of
    inner join staging.stg_model_metrics as metrics
        on metrics.model_name = default_run.model_name
        and starts_with(metrics.model_version, default_run.model_version || '/')
    where own.model_name = $name and own.model_version = $version
        and own.decision is distinct from '{INCUMBENT}'
    order by own.as_of desc, 1 limit 1"""
# All settings that were ever measured on launches among those that the version in use is measured
# on, the ones that a later decision for the same AS_OF has replaced included: each was a try.
_TRIED = """
    select
        count(distinct tried.config_fingerprint),
        avg(tried.difference_high - tried.difference_low) / (2 * 1.96)
    from ml.model_runs as tried
    inner join intermediate.int_models_in_use as own on tried.model_name = own.model_name
    where own.model_name = $name and tried.status = 'trained'
        and tried.as_of > own.cutoff_at and tried.cutoff_at < own.as_of
        and tried.as_of <= (select as_of from core.warehouse_as_of)"""
_CURVES = """
    select split, snapshot_kind, bin, mean_probability, observed_rate, ci_low, ci_high, row_count
    from staging.stg_calibration_curves
    where model_name = $name and model_version = $version
    order by split, snapshot_kind, bin"""
_IMPORTANCE = """
    select feature, log_loss_increase, increase_deviation, row_count
    from staging.stg_feature_importance
    where model_name = $name and model_version = $version
    order by log_loss_increase desc, feature"""
_DRIFT = """
    select
        feature, snapshot_kind,
        max(value) filter (statistic = 'relative_mean_shift'),
        max(value) filter (statistic = 'psi'),
        max(adjusted_p_value), max(reference_count), max(current_count), bool_or(is_alert)
    from staging.stg_drift_stats
    where model_name = $name and adjusted_p_value is not null
    group by feature, snapshot_kind
    order by 8 desc, 5, snapshot_kind, feature"""
_REPLAYS = """
    select cutoff_at, estimator, model_version, train_entity_count, test_entity_count, reason
    from staging.stg_model_replays
    where model_name = $name
    order by cutoff_at, estimator, model_version"""
_REPLAY_METRICS = """
    select model_version, predictor, split, snapshot_kind, metric,
        value, ci_low, ci_high, row_count, base_rate
    from staging.stg_model_metrics
    where model_name = $name and split = 'backtest' and value is not null
    order by measured_at, model_version, snapshot_kind, metric"""


class CalibrationBin(NamedTuple):
    """One bin of a calibration curve: predicted, observed, and its 95 % interval."""

    split: str
    snapshot_kind: str
    bin: int
    mean_probability: float
    observed_rate: float
    ci_low: float | None
    ci_high: float | None
    row_count: int


class Volume(NamedTuple):
    """How much there is, from first to last launch."""

    project_count: int
    creator_count: int
    first_launched_at: datetime | None
    last_launched_at: datetime | None
    pledge_count: int
    milestone_count: int


class KindRows(NamedTuple):
    """Snapshots of one kind, and the share of positive outcomes among those already known."""

    snapshot_kind: str
    snapshot_count: int
    labelled_count: int
    undecided_count: int
    base_rate: float | None
    undecided_base_rate: float | None


class Tried(NamedTuple):
    """Settings measured on overlapping launches; the mean standard error of a log loss difference.

    Attributes:
        difference_error: None where no two of them were compared.
    """

    settings_count: int
    difference_error: float | None

    @property
    def optimism(self) -> float | None:
        """How much better than the average the best of so many equal ones seems, by chance alone.

        The expected largest of independent normal values (Blom, 1958); two of them differ by the
        square root of two times what one varies.
        """
        if self.difference_error is None or self.settings_count < _A_CHOICE:
            return None
        share = (self.settings_count - 0.375) / (self.settings_count + 0.25)
        return NormalDist().inv_cdf(share) * self.difference_error / sqrt(2)


class Importance(NamedTuple):
    """How much the log loss grows when a feature is shuffled."""

    feature: str
    log_loss_increase: float
    increase_deviation: float
    row_count: int


class Shift(NamedTuple):
    """The shift of a feature between training and now."""

    feature: str
    snapshot_kind: str
    mean_shift: float | None
    psi: float | None
    adjusted_p_value: float
    reference_count: int
    current_count: int
    is_alert: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """One timestamp of a backtest."""

    scores: Scores
    at: datetime
    estimator: str
    model_version: str
    train_entity_count: int
    test_entity_count: int
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """All facts of one model.

    Attributes:
        run: The version in use, or the row with the reason why there is none; None: never trained.
        candidates: The rows of the newest decision.
        tried: The settings that were measured on overlapping launches.
        previous: The champion before this one.
        promotion: The row of the decision that put this one in its place.
        scores: By version; baselines and truths by `<version>/<predictor>`.
        base_version: The version under whose name the baselines stand.
        snapshot_kinds: How each kind of snapshot is written, in their order.
        feature_groups: What the features of the entity are about.
        manifest: The manifest in the model's folder; empty when the folder is not there.
    """

    name: str
    entity: str
    snapshot_kinds: dict[str, str]
    feature_groups: tuple[FeatureGroup, ...]
    kind_rows: tuple[KindRows, ...]
    run: SimpleNamespace | None
    candidates: tuple[SimpleNamespace, ...]
    tried: Tried
    previous: SimpleNamespace | None
    promotion: SimpleNamespace | None
    scores: dict[str, Scores]
    base_version: str
    curve: tuple[CalibrationBin, ...]
    importance: tuple[Importance, ...]
    shifts: tuple[Shift, ...]
    replays: tuple[Replay, ...]
    manifest: dict[str, Any]

    @property
    def own(self) -> Scores:
        """What was measured of the version that serves."""
        version = self.run.model_version if self.run else None
        return self.scores.get(str(version), Scores("", {}))

    @property
    def known_by(self) -> datetime:
        """The timestamp by which the version that serves knows outcomes; only where one serves.

        Its manifest says so; without one it is that of the newest decision, or earlier.
        """
        assert self.run is not None
        known_by: datetime = self.run.as_of
        until = self.manifest.get("trained_until")
        return datetime.fromisoformat(until) if until else known_by

    @property
    def ceilings(self) -> list[Scores]:
        """The best achievable, as far as it is known: with these features, then with everything."""
        found = [self.baseline(name) for name in (CEILING, ORACLE)]
        return [each for each in found if each]

    def baseline(self, predictor: str) -> Scores | None:
        """Returns what was measured of a baseline or a truth."""
        return self.scores.get(f"{self.base_version}/{predictor}")

    def baselines(self) -> list[Scores]:
        """Returns all that the model is held against, rules first, the truth last."""
        found = [
            each
            for version, each in self.scores.items()
            if version.startswith(f"{self.base_version}/")
        ]
        return sorted(found, key=lambda each: (_LATE.get(each.predictor, 0), each.predictor))

    def prediction_time(self, kind: str) -> str:
        """Returns a kind of snapshot in plain words, with its name in the tables."""
        return prediction_time(kind, self.snapshot_kinds)

    def is_known(self, split: str, kind: str, metric: str) -> bool:
        """Says whether a metric was measured; of all prediction times together only if at each."""
        kinds = self.own.kinds(split) if kind == ALL_KINDS else {kind}
        return all(self.own.has(split, each, metric) for each in kinds)

    def kinds(self, split: str) -> list[str]:
        """Returns the kinds of snapshot measured in a split, all together last."""
        measured = self.own.kinds(split)
        return [kind for kind in (*self.snapshot_kinds, ALL_KINDS) if kind in measured]


class Facts(NamedTuple):
    """All facts of the report."""

    as_of: datetime
    volume: Volume
    models: tuple[ModelFacts, ...]


@lru_cache(maxsize=1)  # of one file, more than one page shows it
def read(published: Published) -> Facts:
    """Reads all facts; nothing is computed that does not stand in a table."""
    [volume] = published.fetch(_VOLUME)
    models = tuple(_model(published, name) for name in MODELS)
    return Facts(published.as_of(), Volume(*volume), models)


def _model(published: Published, name: str) -> ModelFacts:
    entity = MODELS[name]
    counted = published.fetch(_KIND_ROWS.format(entity=entity, label=_LABELS[entity]))
    kinds = published.snapshot_kinds(entity)
    by_kind = {row[0]: KindRows(*row) for row in counted}
    runs = published.model_runs(name)
    run = published.run_in_use(name)
    version = str(run.model_version) if run else ""
    champions = [each for each in runs if each.is_champion and each.status == "trained"]
    earlier = [each for each in champions if each.model_version != version]
    promoted = [
        each
        for each in champions
        if each.model_version == version and (each.decision or "").startswith("promoted")
    ]
    key = {"name": name, "version": version}
    base = published.fetch(_BASE_VERSION, **key)
    return ModelFacts(
        name=name,
        entity=entity,
        snapshot_kinds=kinds,
        feature_groups=read_groups(published, entity),
        kind_rows=tuple(by_kind[kind] for kind in kinds if kind in by_kind),
        run=run,
        candidates=tuple(each for each in runs[::-1] if _is_candidate(each, runs[-1])),
        tried=Tried(*published.fetch(_TRIED, name=name)[0]),
        previous=earlier[-1] if earlier else None,
        promotion=promoted[-1] if promoted else None,
        scores=_scores(published.fetch(_METRICS, name=name)),
        base_version=base[0][0] if base else version,
        curve=tuple(CalibrationBin(*row) for row in published.fetch(_CURVES, **key)),
        importance=tuple(Importance(*row) for row in published.fetch(_IMPORTANCE, **key)),
        shifts=tuple(Shift(*row) for row in published.fetch(_DRIFT, name=name)),
        replays=_replays(published, name),
        manifest=_manifest(published, run),
    )


def _is_candidate(run: SimpleNamespace, newest: SimpleNamespace) -> bool:
    return bool(run.as_of == newest.as_of and run.decision != INCUMBENT)


def _scores(rows: list[tuple[Any, ...]]) -> dict[str, Scores]:
    found: dict[str, dict[tuple[str, str, str], Measured]] = {}
    names: dict[str, str] = {}
    for version, predictor, split, kind, metric, *figures in rows:
        found.setdefault(version, {})[split, kind, metric] = Measured(*figures)
        names[version] = predictor or ""
    return {version: Scores(names[version], measured) for version, measured in found.items()}


def _replays(published: Published, name: str) -> tuple[Replay, ...]:
    scores = _scores(published.fetch(_REPLAY_METRICS, name=name))
    return tuple(
        Replay(scores[row[2]], *row)
        for row in published.fetch(_REPLAYS, name=name)
        if row[2] in scores
    )


def _manifest(published: Published, run: SimpleNamespace | None) -> dict[str, Any]:
    """Reads the manifest in the model's folder, beside the warehouse."""
    if run is None or run.artifact_path is None:
        return {}
    file = (published.path.parent / run.artifact_path).with_name("manifest.json")
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
