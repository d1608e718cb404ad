"""The modeling report: how good the models are, when in time, and how much was possible."""

from pathlib import Path

from pages.failures import failures
from pages.published import Published
from pages.rendering import render, write_text
from pages.report import facts as report_facts
from pages.report import history as report_history
from pages.report import models as report_models
from pages.report.claims import Claim
from pages.report.document import Block, Section, Table, Text, to_html, to_markdown
from pages.report.facts import ClockRows, Facts, ModelFacts
from pages.report.features import grouped

TITLE = "Modeling report"


def write(published: Published, folder: Path) -> None:
    """Writes `index.html` and `modeling_report.md`, which tell the same."""
    facts = report_facts.read(published)
    failed = failures(published, "train", "predict")
    sections = compose(facts)
    page = render(
        "report.html.jinja",
        title=TITLE,
        as_of=f"{facts.as_of:%Y-%m-%d %H:%M:%S}",
        sections=sections,
        failures=failed,
        to_html=to_html,
    )
    title = f"{TITLE}, as of {facts.as_of:%Y-%m-%d %H:%M:%S} UTC"
    first = [Section("failures", "Missing", [Text(words) for words in failed])] if failed else []
    write_text(folder / "modeling_report.md", to_markdown(title, [*first, *sections]))
    write_text(folder / "index.html", page)


def compose(facts: Facts) -> list[Section]:
    """Returns the report as sections."""
    return [
        Section("summary", "In short", [_summary(model) for model in facts.models]),
        Section("clock", "The problem and its clock", _problem(facts)),
        Section("data", "The data", _data(facts)),
        Section("features", "Features, and when each is known", _features(facts)),
        *(report_models.section(model) for model in facts.models),
        *report_history.sections(facts),
    ]


def _summary(model: ModelFacts) -> Text:
    run = model.run
    if run is None or run.status != "trained":
        reason = "never trained here" if run is None else f"skipped: {run.reason}"
        return Text(f"`{model.name}` predicts nothing ({reason}).")
    told: list[str | Claim] = []
    for split, rows in (("test", "all"), ("test_undecided", "undecided")):
        clock = report_models.main_clock(model, split)
        claim = model.own.claim(split, clock, model.ceilings)
        if claim:
            auc = report_models.figure(model.own.figure(split, clock, "auc"))
            told += [f" Accuracy on {rows} {model.entity}s: ", claim, f"; AUC {auc}."]
    return Text((
        f"`{model.name}`: {run.estimator} `{run.model_version}` serves, judged on"
        f" {run.test_entity_count:,} {model.entity}s launched after {run.cutoff_at:%Y-%m-%d},"
        f" by what was known on {run.as_of:%Y-%m-%d}.",
        *told,
    ))  # fmt: skip


def _problem(facts: Facts) -> list[Block]:
    return [
        Text(
            "An accuracy says nothing without its clock. At launch little is known of a campaign;"
            " after two weeks most are as good as decided; with the final totals the answer is"
            " inside the question. So every figure here belongs to a kind of snapshot: `launch`,"
            " `h4` and `h36` (hours after launch), `d3` to `d21` (days), for milestones `start`,"
            " `due`, `vote_1d` and `vote_3d` (days after submission). A snapshot uses only events"
            " strictly before its moment."
        ),
        Text(
            "`project_success`: will the pledges reach the goal by the deadline, without a"
            " cancellation? `milestone_risk`: will a started milestone not be approved within"
            " 14 days of its due date? A snapshot is decided when the answer is already plain (goal"
            " reached; approved, or 14 days overdue). The models are made for undecided ones and"
            " trained on these; figures on all of them include the plain cases."
        ),
        Text(
            "How they are judged: a cut in time. A model learns from outcomes whose whole window"
            " had closed by the cut, and is measured on what was launched after it. The model that"
            " was measured is the one that serves; it is not refitted afterwards. An accuracy"
            " stands beside the base rate (share of positive outcomes), its 95 % interval"
            " (bootstrap over projects, not rows) and the ceiling: what a strong learner with"
            " the same features and ten times the data reaches on the same rows, or else what the"
            " oracle does, who knows the true probability; both exist for generated data only."
        ),
    ]


def _data(facts: Facts) -> list[Block]:
    volume = facts.volume
    span = "no launch yet"
    if volume.first_launched_at and volume.last_launched_at:
        span = f"launched {volume.first_launched_at:%Y-%m-%d} to {volume.last_launched_at:%Y-%m-%d}"
    blocks: list[Block] = [
        Text(
            f"{volume.project_count:,} projects of {volume.creator_count:,} creators, {span};"
            f" {volume.pledge_count:,} pledges; {volume.milestone_count:,} milestones. Known as of"
            f" {facts.as_of:%Y-%m-%d %H:%M} UTC."
        )
    ]
    for model in facts.models:
        if not model.clock_rows:
            blocks.append(Text(f"No {model.entity} has a snapshot yet."))
            continue
        positive = "success" if model.entity == "project" else "high risk"
        blocks.append(
            Table(
                f"`{model.name}`: snapshots with a known outcome, and the share of {positive} among"
                " them (the base rate). Pending: the outcome is not known yet.",
                ("Clock", "Snapshots", "Pending", "Known", "Base rate", "Known, undecided",
                 "Base rate, undecided"),
                [_clock_row(row) for row in model.clock_rows],
            )
        )  # fmt: skip
    return blocks


def _clock_row(row: ClockRows) -> tuple[str, ...]:
    counts = (row.snapshot_count, row.snapshot_count - row.labelled_count, row.labelled_count)
    return (
        row.clock,
        *(f"{count:,}" for count in counts),
        _share(row.base_rate),
        f"{row.undecided_count:,}",
        _share(row.undecided_base_rate),
    )


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{100 * value:.1f} %"


def _features(facts: Facts) -> list[Block]:
    blocks: list[Block] = []
    for model in facts.models:
        names = [each.feature for each in model.importance]
        if not names:
            blocks.append(Text(f"`{model.name}`: no model, so no features in use."))
            continue
        blocks.append(
            Table(
                f"`{model.name}`: {len(names)} features. Unknown is empty, none is 0.",
                ("About", "Known when", "Features"),
                [
                    (group.about, group.known, ", ".join(f"`{name}`" for name in group.names))
                    for group in grouped(model.feature_groups, names)
                ],
            )
        )
    return blocks
