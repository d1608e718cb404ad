"""The modeling report: how good the models are, at which prediction time, against what."""

from pages.failures import failures
from pages.formats import day, skill, timestamp
from pages.published import Published
from pages.report import facts as report_facts
from pages.report import history as report_history
from pages.report import models as report_models
from pages.report.claims import Claim
from pages.report.document import Block, Section, Table, Text, to_html, to_markdown
from pages.report.facts import Facts, KindRows, ModelFacts
from pages.report.features import grouped
from pages.site import Site

TITLE = "Modeling report"
_OF_WHAT = {"project": "", "milestone": " of projects"}


def write(published: Published, site: Site) -> None:
    """Writes `index.html` and `modeling_report.md`, with the same content."""
    facts = report_facts.read(published)
    failed = failures(published, "train", "predict")
    sections = compose(facts)
    site.write(
        "report/index.html",
        "report.html.jinja",
        title=TITLE,
        as_of=timestamp(facts.as_of),
        sections=sections,
        failures=failed,
        to_html=to_html,
    )
    title = f"{TITLE}, as of {timestamp(facts.as_of)}"
    first = [Section("failures", "Missing", [Text(each) for each in failed])] if failed else []
    site.write_text("report/modeling_report.md", to_markdown(title, [*first, *sections]))


def compose(facts: Facts) -> list[Section]:
    """Returns the report as sections."""
    return [
        Section("summary", "In short", [_summary(model) for model in facts.models]),
        Section("prediction-times", "The problem and its prediction times", _problem(facts)),
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
    content: list[str | Claim] = []
    for split, rows in (("test", ""), ("test_undecided", " still open")):
        kind = report_models.main_kind(model, split)
        claim = model.own.claim(split, kind, model.ceilings)
        if claim:
            auc = report_models.figure(model.own.figure(split, kind, "auc"))
            content += [f" Accuracy on {model.entity}s{rows}: ", claim, f"; AUC {auc}."]
    return Text((
        f"`{model.name}`: {run.estimator} `{run.model_version}` serves"
        f" ({skill(run.skill_state)}), fitted to {run.train_entity_count:,} {model.entity}s with"
        f" outcomes known by {day(model.known_by)}; measured on"
        f" {run.test_entity_count:,}{_OF_WHAT[model.entity]} launched after {day(run.cutoff_at)},"
        " each by a fit from before its launch.",
        *content,
    ))  # fmt: skip


def _problem(facts: Facts) -> list[Block]:
    return [
        Text(
            "An accuracy means nothing without its prediction time. At launch little is known of a"
            " campaign; after two weeks most outcomes are nearly certain; the final totals are the"
            " outcome. So every figure here belongs to a snapshot kind: `launch`, `h4` and `h36`"
            " (hours after launch), `d3` to `d21` (days after launch), for milestones `start`,"
            " `due`, `vote_1d` and `vote_3d` (days after submission). A snapshot uses only events"
            " strictly before its timestamp."
        ),
        Text(
            "`project_success`: will the pledges reach the goal by the deadline, without a"
            " cancellation? `milestone_risk`: will a started milestone not be approved within"
            " 14 days of its due date? A campaign is still open while its goal is not yet"
            " reached, a milestone until it is resolved or 14 days overdue. The models are made"
            " for open ones and trained on these; figures on all snapshots include the others."
        ),
        Text(
            "How they are measured: by rolling cuts in time. At each cut a model is fitted to what"
            " was known by then, and predicts the launches up to the next cut. Measured is what was"
            " launched after the second cut; no fit had seen an outcome that it is measured on. A"
            " last fit, to all outcomes known when it was trained, predicts what is live: that very"
            " fit is not measured, the procedure that made it is."
        ),
        Text(
            "An accuracy stands beside its 95 % interval (over projects or creators) and the"
            " majority guess: the accuracy of always guessing the more frequent class. Best"
            " achievable accuracy is known for generated data only (`make truth`): what a strong"
            " learner with the same features and ten times the data reaches on the same rows, or"
            " else the true probability of the simulation."
        ),
    ]


def _data(facts: Facts) -> list[Block]:
    volume = facts.volume
    span = "no launch yet"
    if volume.first_launched_at and volume.last_launched_at:
        span = f"launched {day(volume.first_launched_at)} to {day(volume.last_launched_at)}"
    blocks: list[Block] = [
        Text(
            f"{volume.project_count:,} projects of {volume.creator_count:,} creators, {span};"
            f" {volume.pledge_count:,} pledges; {volume.milestone_count:,} milestones. As of"
            f" {timestamp(facts.as_of)}."
        )
    ]
    for model in facts.models:
        if not model.kind_rows:
            blocks.append(Text(f"No {model.entity} has a snapshot yet."))
            continue
        positive = "success" if model.entity == "project" else "high risk"
        blocks.append(
            Table(
                f"`{model.name}`: snapshots with a known outcome, and the share of {positive} among"
                " them (the base rate). Pending: the outcome is not known yet.",
                ("Prediction time", "Snapshots", "Pending", "Known", "Base rate",
                 "Known, still open", "Base rate, still open"),
                [_kind_row(model, row) for row in model.kind_rows],
            )
        )  # fmt: skip
    return blocks


def _kind_row(model: ModelFacts, row: KindRows) -> tuple[str, ...]:
    counts = (row.snapshot_count, row.snapshot_count - row.labelled_count, row.labelled_count)
    return (
        model.prediction_time(row.snapshot_kind),
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
