"""Which version serves, by outcomes that neither the new one nor the champion has seen."""

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ml.errors import MlError
from ml.modeling import artifacts, assessment, intervals, metrics, rolling, skill
from ml.modeling.estimators import Floats
from ml.modeling.registry import ModelRun, comparison, decisions, incumbent, settings_tried
from ml.modeling.rolling import FittedModel
from ml.modeling.rows import check_inputs, holdout_rows
from ml.settings import ModelSettings
from ml.warehouse import Warehouse

STAYS = "stays champion"
_OF_DECISION = (
    *("decision", "compared_with", "compared_project_count"),
    *("log_loss_difference", "difference_low", "difference_high"),
)
INCUMBENT = f"{STAYS}: no candidate took over"


class Candidate(NamedTuple):
    """A trained version that may come to serve."""

    model: ModelSettings
    run: ModelRun
    fitted: FittedModel


# by version and cut: the rows of launches after the cut, and their probabilities
Known = dict[tuple[str | None, datetime], tuple[pa.Table, Floats]]


class Standing(NamedTuple):
    """A decision made before, for this very `as_of` and these very candidates.

    Attributes:
        rows: Its rows, in the order of the candidates; an incumbent that stays comes last.
        is_newest: No other one was made for this `as_of` since.
    """

    rows: list[ModelRun]
    is_newest: bool


def standing(
    model: ModelSettings, versions: list[str], warehouse: Warehouse, models: Path
) -> Standing | None:
    """Returns the decision that was made of these candidates before, if its champion can serve."""
    for place, rows in enumerate(decisions(warehouse, model.name)):
        by_version = {str(run.model_version): run for run in rows}
        others = [run for run in rows if run.decision == INCUMBENT]
        candidates = by_version.keys() - {str(run.model_version) for run in others}
        if candidates != set(versions):
            continue
        found = [*(by_version[version] for version in versions), *others]
        if others and isinstance(_servable(model, others[0], warehouse, models), str):
            return None
        return Standing(found, is_newest=place == 0)
    return None


def decide(
    candidates: list[Candidate], warehouse: Warehouse, models: Path, known: Known | None = None
) -> list[ModelRun]:
    """Returns the rows of the candidates, with the decision and its numbers; one is champion.

    The incumbent is what served at the newest earlier `as_of`: what was tried at this very one
    leaves no trace. It meets first the candidate of its own estimator. One of the same settings is
    the same procedure with newer outcomes: it takes over unless its log loss is proven higher, on
    however few launches. Any other must be proven lower, with an error of 5 % shared among all
    settings tried at earlier `as_of` (Bonferroni): of twelve edits one looks better by chance. Both
    are judged on launches after both cuts. If none takes over, the last row says that the incumbent
    stays. Without an incumbent the first candidate, the default estimator, begins.

    Args:
        candidates: The default estimator first.
        warehouse: Open for reading.
        models: Folder of the model files.
        known: What versions were already seen to say of launches after a cut.
    """
    incumbent, problem = find_champion(candidates, warehouse, models)
    later = _LaterLaunches(warehouse, known or {})
    rows: dict[int, ModelRun] = {}
    champion, winner = incumbent, None
    for place in _order(candidates, incumbent):
        candidate = candidates[place]
        candidate = candidate._replace(run=_without_decision(candidate.run))
        rows[place], takes_over = _meet(candidate, champion, problem, later)
        if takes_over and winner is not None:
            superseded = f"{rows[winner].decision}; gives way to {candidate.run.model_version}"
            rows[winner] = dataclasses.replace(rows[winner], decision=superseded)
        if takes_over:
            champion, winner = candidate, place
    decided = [
        dataclasses.replace(rows[place], is_champion=place == winner)
        for place in range(len(candidates))
    ]
    if winner is None and incumbent is not None:
        decided.append(_staying(incumbent.run, candidates[0].run))
    return decided


def decide_again(
    recorded: list[ModelRun], stamp: ModelRun, warehouse: Warehouse
) -> list[ModelRun] | None:
    """Returns the decision of candidates that exist already, if it is on record; else None.

    One of them is the incumbent. The others have met it on the very launches that `decide` would
    take, since all learned from the same rows: nothing is known that was not known then. Only the
    bar may have risen with the settings tried since; so who did not pass its lowest does not pass.

    Args:
        recorded: The newest row of each candidate.
        stamp: A row of this run.
        warehouse: Open for reading.
    """
    champion = incumbent(warehouse, stamp.model_name)
    if champion is None or champion.model_version not in {run.model_version for run in recorded}:
        return None
    decided = []
    for run in recorded:
        if run.model_version == champion.model_version:
            row = dataclasses.replace(_without_decision(run), decision=STAYS, is_champion=True)
        else:
            met = comparison(warehouse, run, champion)
            if met is None or (met.difference_high is not None and met.difference_high < 0):
                return None
            of_met = {name: getattr(met, name) for name in _OF_DECISION}
            row = dataclasses.replace(run, **of_met, is_champion=False)
        decided.append(
            dataclasses.replace(
                row, run_id=stamp.run_id, as_of=stamp.as_of, trained_at=stamp.trained_at
            )
        )
    return decided


def _order(candidates: list[Candidate], incumbent: Candidate | None) -> list[int]:
    """Returns the places of the candidates: the incumbent's own estimator comes first."""
    places = list(range(len(candidates)))
    if incumbent is not None:
        places.sort(key=lambda place: candidates[place].run.estimator != incumbent.run.estimator)
    return places


def _meet(
    candidate: Candidate, champion: Candidate | None, problem: str, later: "_LaterLaunches"
) -> tuple[ModelRun, bool]:
    """Returns the candidate's row with the decision, and whether it takes over."""
    if champion is None:
        return dataclasses.replace(candidate.run, decision=f"promoted: {problem}"), True
    if champion.run.model_version == candidate.run.model_version:
        return dataclasses.replace(candidate.run, decision=STAYS), True
    return _compare(candidate, champion, later)


def _staying(incumbent: ModelRun, stamp: ModelRun) -> ModelRun:
    """Returns the row of an incumbent that no candidate replaces."""
    return dataclasses.replace(
        _without_decision(incumbent),
        run_id=stamp.run_id,
        as_of=stamp.as_of,
        trained_at=stamp.trained_at,
        is_champion=True,
        decision=INCUMBENT,
    )


def _without_decision(run: ModelRun) -> ModelRun:
    """Returns the row without the numbers of an earlier decision."""
    nothing: dict[str, Any] = dict.fromkeys(_OF_DECISION)
    return dataclasses.replace(run, **nothing)


def find_champion(
    candidates: list[Candidate], warehouse: Warehouse, models: Path
) -> tuple[Candidate | None, str]:
    """Returns the incumbent if it can still serve, or why there is none to compare with.

    One that is a candidate can: a file of it that was damaged has been made anew.
    """
    model = candidates[0].model
    run = incumbent(warehouse, model.name)
    if run is None or run.status != "trained":
        return None, "there is no champion yet"
    for each in candidates:
        if each.run.model_version == run.model_version:
            return each, ""
    found = _servable(model, run, warehouse, models)
    return (None, found) if isinstance(found, str) else (found, "")


def _servable(
    model: ModelSettings, run: ModelRun, warehouse: Warehouse, models: Path
) -> Candidate | str:
    """Returns a recorded version, loaded, or why it can serve no more."""
    try:
        fitted = artifacts.load(models, run)
        features = rolling.features_of(fitted)
        check_inputs(warehouse, model, features)
    except artifacts.ArtifactError as error:
        return f"the champion {run.model_version} can no longer serve: {error.problem}"
    except MlError as error:
        return f"the champion {run.model_version} can no longer serve ({error})"
    return Candidate(dataclasses.replace(model, features=features), run, fitted)


class _LaterLaunches:
    """Versions scored on the launches after a cut, each of them once."""

    def __init__(self, warehouse: Warehouse, known: Known) -> None:
        self.warehouse = warehouse
        self._scored: Known = dict(known)

    def scored(self, each: Candidate, cutoff: datetime) -> tuple[pa.Table, Floats]:
        """Returns the rows and what the version says of them."""
        key = each.run.model_version, cutoff
        if key not in self._scored:
            rows = holdout_rows(self.warehouse, each.model, cutoff)
            self._scored[key] = rows, rolling.score(each.fitted, rows)
        return self._scored[key]


def _compare(
    candidate: Candidate, champion: Candidate, later: _LaterLaunches
) -> tuple[ModelRun, bool]:
    new, old = candidate.run, champion.run
    assert new.cutoff_at is not None
    assert old.cutoff_at is not None
    unseen_from = max(new.cutoff_at, old.cutoff_at)
    (rows, ours), (_, theirs) = (later.scored(each, unseen_from) for each in (candidate, champion))
    judged = assessment.scored(rows, ours)
    is_open = ~judged.is_decided
    count = len(np.unique(judged.project_id[is_open]))
    new = dataclasses.replace(new, compared_with=old.model_version, compared_project_count=count)
    is_refit = new.config_fingerprint == old.config_fingerprint
    untested = skill.untested_reason(
        judged.where(is_open), candidate.model, "projects that neither has seen"
    )
    if untested:
        reason = f"promoted: same settings; {untested}" if is_refit else f"not promoted: {untested}"
        return dataclasses.replace(new, decision=reason), is_refit
    found = metrics.difference_in_log_loss(judged.where(is_open), theirs[is_open])
    if is_refit:
        takes_over = found.low is None or found.low <= 0
        decision = "promoted: not proven worse" if takes_over else "not promoted: worse"
    else:
        error = intervals.ERROR / settings_tried(later.warehouse, new)
        strict = metrics.difference_in_log_loss(judged.where(is_open), theirs[is_open], error)
        takes_over = strict.high is not None and strict.high < 0
        decision = "promoted: better" if takes_over else "not promoted: not proven better"
    return (
        dataclasses.replace(
            new,
            decision=decision,
            log_loss_difference=found.value,
            difference_low=found.low,
            difference_high=found.high,
        ),
        takes_over,
    )
