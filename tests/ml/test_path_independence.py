"""Whatever was run before for other moments, with other data or settings: the same is published."""

import os
import random
from pathlib import Path

import duckdb
import pytest
from scipy.special import logit

from ml.serving import Predictor
from tests.conftest import Workshop
from tests.ml.pipeline_runs import AS_OFS, Pipeline, Run, digests, draw, needed, rows, shrink

EARLY, THAT_WEEK, LATE = AS_OFS
SEQUENCES = int(os.environ.get("PATH_SEQUENCES", "5"))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, lent_workshop: Workshop) -> Pipeline:
    lent_workshop.clear()
    return Pipeline(tmp_path_factory.mktemp("pipeline"), lent_workshop)


def differences(pipeline: Pipeline, runs: tuple[Run, ...], other: tuple[Run, ...]) -> list[str]:
    """Returns the tables in which the two ends differ, with the first differing rows."""
    ends = [pipeline.publish(each) for each in (runs, other)]
    return [_difference(*ends, table) for table in _differing(*ends)]


def _differing(left: Path, right: Path) -> list[str]:
    one, other = digests(left), digests(right)
    assert one.keys() == other.keys()
    return [table for table in one if one[table] != other[table]]


def _difference(left: Path, right: Path, table: str) -> str:
    one, other = rows(left, table), rows(right, table)
    return (
        f"{table}: {[row for row in one if row not in other][:2]} instead of"
        f" {[row for row in other if row not in one][:2]}"
    )


HERE, CORRECTED = Run("as_is", LATE), Run("corrected", LATE)
BEFORE, OTHER = Run("as_is", EARLY), Run("as_is", LATE, "other")
TRUTH = Run("as_is", LATE, "as_is", True)
MONDAY, RESTING = (Run("as_is", as_of, "weekly") for as_of in (EARLY, THAT_WEEK))


# those that the drawn sequences below hold as well
DRAWN_TOO = {"marks": pytest.mark.journey}


@pytest.mark.parametrize(
    ("runs", "equal"),
    [
        pytest.param((HERE, BEFORE, HERE), (HERE,), id="there and back"),
        pytest.param((HERE, OTHER, HERE), (HERE,), id="setting and back", **DRAWN_TOO),
        pytest.param((HERE, OTHER), (OTHER,), id="setting"),
        pytest.param((HERE, CORRECTED), (CORRECTED,), id="corrected"),
        pytest.param((HERE, CORRECTED, HERE), (HERE,), id="corrected and back", **DRAWN_TOO),
        pytest.param((HERE, TRUTH, HERE), (HERE,), id="truth and off"),
        pytest.param((HERE, BEFORE), (BEFORE,), id="back in time", **DRAWN_TOO),
        pytest.param((RESTING, MONDAY, RESTING), (RESTING,), id="there and back in a week"),
    ],
)
def test_the_same_is_published_as_if_the_rest_had_never_been_run(
    pipeline: Pipeline, runs: tuple[Run, ...], equal: tuple[Run, ...]
) -> None:
    assert differences(pipeline, runs, equal) == []


def test_runs_in_between_are_seen_to_matter(pipeline: Pipeline) -> None:
    """What is compared differs where it should, or the tests above would prove nothing."""
    for other in (BEFORE, OTHER, CORRECTED, TRUTH):
        differing = _differing(pipeline.publish((HERE,)), pipeline.publish((other,)))
        assert len(differing) > (0 if other is TRUTH else 3)


# which tell what was run and predicted before
TELL_THE_PAST = {
    "insights.model_performance",
    "insights.model_performance_monthly",
    "intermediate.int_models_in_use",
    "intermediate.int_predictions_current",
    "staging.stg_prediction_inputs",
    "staging.stg_prediction_reasons",
}


def test_models_that_rest_predict_as_if_they_had_just_been_made(pipeline: Pipeline) -> None:
    ends = [pipeline.publish(runs) for runs in ((MONDAY, RESTING), (RESTING,))]
    assert set(_differing(*ends)) == TELL_THE_PAST


LIVE = """
    select 'project' as entity, project_id as id, prediction_id, success_probability as probability,
        null as risk, reasons
    from insights.project_outlook
    union all
    select 'milestone', milestone_id, prediction_id, outlook.risk_probability,
        case when decisions.risk_source <> 'similar past milestones'
            then decisions.risk_probability end, outlook.reasons
    from insights.milestone_outlook as outlook
    inner join insights.release_decisions as decisions using (milestone_id)"""


@pytest.mark.parametrize(
    "runs",
    [
        (HERE, BEFORE, CORRECTED),
        pytest.param((CORRECTED, OTHER, HERE), marks=pytest.mark.journey),
    ],
    ids=str,
)
def test_every_reader_of_a_live_row_gets_the_same_number(
    pipeline: Pipeline, runs: tuple[Run, ...]
) -> None:
    """Outlook, reasons, kept values, predict-one, and decisions by a prediction, to the bit."""
    database = pipeline.publish(runs)
    predictor = Predictor(
        database.parent, limits="memory://", config=database.with_name("models.toml")
    )
    with duckdb.connect(str(database), read_only=True) as connection:
        live = connection.execute(LIVE).fetchall()
        ids = [prediction_id for _, _, prediction_id, *_ in live]
        kept = connection.execute(
            "select prediction_id, feature_values from ml.prediction_inputs"
            " where list_contains($ids, prediction_id)", {"ids": ids},
        ).fetchall()  # fmt: skip
        sums = connection.execute(
            "select prediction_id, unit, sum(contribution) from ml.prediction_reasons"
            " where list_contains($ids, prediction_id) group by all", {"ids": ids},
        ).fetchall()  # fmt: skip
    values, reasons = dict(kept), {key: (unit, total) for key, unit, total in sums}
    assert len(live) == len(set(ids)) == len(values) == len(kept) == len(reasons) > 10
    for entity, number, prediction_id, probability, risk, told in live:
        ask = predictor.predict_project if entity == "project" else predictor.predict_milestone
        answer = ask(number, client=f"{entity} {number}")
        assert answer.predicted_probability == probability, (entity, number)
        assert answer.feature_values == values[prediction_id]
        assert risk in (None, probability)
        assert (probability == 1.0) == (told == "known outcome: is_high_risk = true")
        unit, total = reasons[prediction_id]
        wanted = probability if unit == "probability" else logit(probability)
        assert total == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("count", [SEQUENCES, pytest.param(10, marks=pytest.mark.journey)])
def test_any_sequence_of_runs_ends_as_the_runs_that_matter(pipeline: Pipeline, count: int) -> None:
    """What a drawn sequence begins with is one too: each of its ends is compared."""
    seed = int(os.environ.get("PATH_SEED", random.SystemRandom().randrange(10**6)))
    rng = random.Random(seed)
    drawn: list[tuple[Run, ...]] = []
    while len(drawn) < count:
        runs = draw(rng)
        drawn += [runs[:length] for length in range(2, len(runs) + 1)]
    for number, runs in enumerate(drawn[:count]):
        if not differences(pipeline, runs, needed(runs)):
            continue
        least = shrink(runs, lambda fewer: bool(differences(pipeline, fewer, needed(fewer))))
        told = "\n".join(f"  {run}" for run in least)
        found = "\n".join(differences(pipeline, least, needed(least)))
        pytest.fail(f"PATH_SEED={seed}, sequence {number}:\n{told}\nends with\n{found}")
    print(f"PATH_SEED={seed}: {count} sequences")
