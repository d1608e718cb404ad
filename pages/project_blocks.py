"""What is told of each project: the queries, one for all projects together."""

from pages.blocks import Block
from pages.formats import LABELS
from pages.links import Links
from pages.published import PREDICTION_TIME
from pages.tables import Column

PLEDGE_DAYS = 10  # days with pledges that are listed one by one; the earlier ones make one row

# What a creator did so far. On time: submitted by the due date; counted once that is known.
RECORD = """
    with projects as (
        select
            creator_id,
            count(*) as project_count,
            count(*) filter (project_status = 'live') as live_count,
            count(*) filter (project_status = 'successful') as successful_count,
            count(*) filter (project_status = 'failed') as failed_count,
            count(*) filter (project_status = 'cancelled') as cancelled_count,
            sum(balances.pledged_amount) as pledged_amount,
            sum(balances.held_amount) as held_amount,
            sum(balances.released_amount) as released_amount,
            sum(balances.refunded_amount) as refunded_amount
        from core.dim_projects
        inner join core.escrow_balances as balances using (project_id)
        group by creator_id
    ),
    milestones as (
        select
            creator_id,
            format('{} of {}', count(*) filter (is_on_time), count(*)) as on_time
        from intermediate.int_milestones_started, core.warehouse_as_of
        where on_time_known_at <= as_of
        group by creator_id
    )
    select
        creator_id, display_name, country, joined_at, projects.* exclude (creator_id),
        coalesce(on_time, 'none was due yet') as on_time
    from core.dim_creators
    inner join projects using (creator_id)
    left join milestones using (creator_id)"""
RECORD_COLUMNS = (
    Column("project_count", "Projects launched", "count"),
    Column("live_count", "Live", "count"),
    Column("successful_count", "Successful", "count"),
    Column("failed_count", "Failed", "count"),
    Column("cancelled_count", "Cancelled", "count"),
    Column("on_time", "Milestones submitted by their due date"),
    Column("pledged_amount", "Pledged", "money"),
    Column("held_amount", "Held", "money"),
    Column("released_amount", "Released", "money"),
    Column("refunded_amount", "Refunded", "money"),
)

_FACTS = """
    select
        project_id as entity_id, 0 as position, title, project_status, display_name,
        {creator_path} as creator_path, category, projects.country, funding_goal,
        pledged_amount, pledged_amount / funding_goal as funded_ratio, backer_count, pledge_count,
        launched_at, deadline_at, cancelled_at, project_id,
        case when project_status = 'live'
            then (epoch_us(deadline_at) - epoch_us(as_of)) / 86400e6 end as days_left,
        {release_strategy} as release_strategy
    from core.dim_projects as projects
    inner join core.dim_creators using (creator_id)
    cross join core.warehouse_as_of"""
_FACT_COLUMNS = (
    Column("title", "Project", "title"),
    Column("project_status", "State"),
    Column("display_name", "Creator", "title", link="creator_path"),
    Column("category", "Category", "title"),
    Column("country", "Country", "title"),
    Column("funding_goal", "Goal", "money"),
    Column("pledged_amount", "Pledged", "money"),
    Column("funded_ratio", "Funded", "bar"),
    Column("backer_count", "Backers", "count"),
    Column("pledge_count", "Pledges", "count"),
    Column("launched_at", "Launched", "timestamp"),
    Column("deadline_at", "Deadline", "timestamp"),
    Column("cancelled_at", "Cancelled", "timestamp"),
    Column("days_left", "Days left", "number"),
    Column("release_strategy", "Release strategy"),
    Column("project_id", "Project id"),
)

_PREDICTIONS = f"""
    select
        predictions.entity_id, sort_order as position, prediction_time, predictions.snapshot_at,
        elapsed_ratio, funding_ratio,
        case when predictions.is_decided then 'goal reached' else 'open' end as state,
        predicted_probability, reasons
    from intermediate.int_predictions_current as predictions
    inner join intermediate.int_models_in_use using (model_name, model_version)
    inner join (
        select snapshot_kind, sort_order, {PREDICTION_TIME} as prediction_time
        from features.snapshot_kinds where entity = 'project'
    ) as kinds on predictions.snapshot_kind = kinds.snapshot_kind
    inner join features.project_features as features
        on predictions.entity_id = features.project_id
        and features.snapshot_kind = predictions.snapshot_kind
        and features.snapshot_at = predictions.snapshot_at
    left join intermediate.int_prediction_reasons_ranked using (prediction_id)
    where model_name = 'project_success' and origin = 'batch'"""
_PREDICTION_COLUMNS = (
    Column("prediction_time", "Prediction time"),
    Column("snapshot_at", "At", "timestamp"),
    Column("elapsed_ratio", "Elapsed", "percent"),
    Column("funding_ratio", "Funded", "percent"),
    Column("state", "Goal then"),
    Column("predicted_probability", "Probability of success", "bar"),
    Column("reasons", "Largest contributions"),
)

_LEDGER = """
    select
        project_id as entity_id, 0 as position, balances.pledged_amount, balances.released_amount,
        balances.refunded_amount, balances.held_amount, backer_amount,
        backer_difference as difference
    from core.escrow_balances as balances
    inner join {reconciled} using (project_id)"""
_LEDGER_COLUMNS = (
    Column("pledged_amount", "Pledged", "money"),
    Column("released_amount", "Released", "money"),
    Column("refunded_amount", "Refunded", "money"),
    Column("held_amount", "Held: pledged less both", "money"),
    Column("backer_amount", "Held, summed over its backers' balances", "money"),
    Column("difference", "Difference of the two", "money"),
)

_TRANSACTIONS = f"""
    with days as (
        select project_id, list_min(max(occurred_at, {PLEDGE_DAYS})) as listed_from_at
        from {{moved}} where transaction_type = 'deposit' group by project_id
    ),
    pledges as (
        select
            project_id, max(occurred_at) as occurred_at, transaction_type,
            count(*) filter (occurred_at < listed_from_at) as earlier_day_count,
            null as milestone_number,
            sum(movement_count)::bigint as movement_count, sum(amount) as amount
        from {{moved}}
        inner join days using (project_id)
        where transaction_type = 'deposit'
        group by
            project_id, transaction_type,
            case when occurred_at >= listed_from_at then occurred_at end
    ),
    payments as (
        select
            moved.project_id, occurred_at, transaction_type, 0 as earlier_day_count,
            milestone_number, movement_count, amount
        from {{moved}} as moved
        left join core.fct_milestones using (milestone_id)
        where transaction_type <> 'deposit'
    )
    select
        project_id as entity_id,
        row_number() over (
            partition by project_id
            order by occurred_at desc, transaction_type desc, milestone_number desc
        ) as position,
        occurred_at,
        case
            when transaction_type = 'release' then 'release to the creator'
            when transaction_type = 'refund' then 'refund to backers'
            when earlier_day_count = 0 then 'pledges of the day'
            else format(
                'pledges of {{{{}}}} earlier days, not listed one by one', earlier_day_count
            )
        end as movement,
        milestone_number, movement_count, amount
    from (from payments union all by name from pledges)"""
_TRANSACTION_COLUMNS = (
    Column("occurred_at", "Day", "day"),
    Column("movement", "Movement"),
    Column("milestone_number", "Milestone", "count"),
    Column("movement_count", "Movements of money", "count"),
    Column("amount", "Amount", "money"),
)

_MILESTONES = """
    with votes as (
        select
            milestone_id,
            count(*) filter (is_approval) as approval_count,
            count(*) filter (not is_approval) as rejection_count,
            count(*) as vote_count
        from core.fct_votes group by milestone_id
    ),
    releases as (
        select milestone_id, sum(amount) as paid_amount
        from {moved} where transaction_type = 'release'
        group by milestone_id
    )
    select
        milestones.project_id as entity_id, milestone_number as position, milestone_id,
        milestone_number, milestones.title, milestones.funding_amount,
        coalesce(paid_amount, 0) as paid_amount, started_at,
        milestones.due_at, milestones.submitted_at, approval_count, rejection_count,
        vote_count / nullif(backer_count, 0) as turnout_ratio, resolved_at,
        milestones.milestone_status,
        case milestone_status when 'void' then 'not started: project refunded'
            else milestone_status end as status,
        {recommendation} as recommendation
    from core.fct_milestones as milestones
    inner join core.dim_projects using (project_id)
    left join votes using (milestone_id)
    left join releases using (milestone_id)
    left join (
        select milestone_id, recommendation from insights.release_decisions
    ) using (milestone_id)"""
_MILESTONE_COLUMNS = (
    Column("title", "Milestone", "title"),
    Column("milestone_number", "No.", "count"),
    Column("funding_amount", "Planned share", "money"),
    Column("paid_amount", "Paid", "money"),
    Column("due_at", "Due", "day"),
    Column("submitted_at", "Submitted", "day"),
    Column("approval_count", "Votes for", "count"),
    Column("rejection_count", "Votes against", "count"),
    Column("turnout_ratio", "Turnout", "percent", digits=0),
    Column("resolved_at", "Resolved", "day"),
    Column("status", "State", note="recommendation"),
)


def project_blocks(links: Links, skill: str, reconciled: str, moved: str) -> tuple[Block, ...]:
    """Returns what the page of a project shows, in order; the first block is its header.

    Args:
        links: Where creators are shown.
        skill: What is known of the model's skill, a sentence.
        reconciled: The table with the sides of the reconciliation.
        moved: The table with what moved.
    """
    facts = _FACTS.format(
        creator_path=links.creator_sql("creator_id"),
        release_strategy=_label_sql("release_strategy"),
    )
    return (
        Block("facts", "Facts", _FACT_COLUMNS, facts, is_list=True),
        Block(
            "predictions",
            "Probability of success",
            _PREDICTION_COLUMNS,
            _PREDICTIONS,
            "No predictions: no model served, or the project launched before the launches that the"
            " model in use was measured on.",
            f"At each prediction time, by a fit from before the launch; of a live campaign, as of"
            f" now, by the model in use. {skill} Contributions are published for the prediction as"
            " of now only: the three largest, + for a higher probability. No interval of one"
            " probability is published.",
        ),
        Block(
            "ledger",
            "Ledger",
            _LEDGER_COLUMNS,
            _LEDGER.format(reconciled=reconciled),
            is_list=True,
        ),
        Block(
            "transactions",
            "Transactions",
            _TRANSACTION_COLUMNS,
            _TRANSACTIONS.format(moved=moved),
            "No money has moved.",
            "Newest first; refunds of one time are added up over backers, pledges over the day, and"
            f" all but the last {PLEDGE_DAYS} days with pledges over one row.",
            "from core.fct_escrow_transactions where project_id = ",
        ),
        Block(
            "milestones",
            "Milestones",
            _MILESTONE_COLUMNS,
            _MILESTONES.format(recommendation=_label_sql("recommendation"), moved=moved),
            "No milestones are published.",
            "Planned share: of the goal. Paid: what the ledger has released for the milestone, out"
            " of all that was pledged. Turnout: votes divided by backers. Below the state of an"
            " open milestone stands the recommendation.",
        ),
        Block(
            "record",
            "The creator's record",
            RECORD_COLUMNS,
            "select project_id as entity_id, 0 as position, record.* from core.dim_projects"
            f" inner join ({RECORD}) as record using (creator_id)",
            is_list=True,
        ),
    )


def _label_sql(column: str) -> str:
    """Returns the SQL expression of `formats.label` for a column."""
    quoted = {value: label.replace("'", "''") for value, label in LABELS.items()}
    known = " ".join(f"when '{value}' then '{label}'" for value, label in quoted.items())
    return f"case {column} {known} else replace({column}, '_', ' ') end"
