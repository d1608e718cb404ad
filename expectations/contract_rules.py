"""The raw contract, rules: what must hold beside types, keys and references.

A rule is a SQL predicate that is true where a row breaks it, so NULL (not known) never does. A rule
sees its row under the table's entity (`pledge.amount`), the rows it references under theirs
(`project.launched_at`), and what the check joins on top. A parent that is itself broken judges
nobody (`is_known` is false then): its children fall with it, they are not accused beside it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Something no row may do.

    Attributes:
        name: As reported.
        broken_when: SQL predicate over the row and what it is joined with.
        reason: Told per row; `{sql expression}` becomes its value.
        absence_in: Tables in which a missing row could be what breaks the rule: as long as some of
            their rows cannot be read, nobody is accused of breaking it.
    """

    name: str
    broken_when: str
    reason: str
    absence_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One pass over a table's rows, joined with all that its rules ask for.

    Attributes:
        table: Whose rows are judged.
        rules: Applied together, in one scan.
        joins: SQL joins beside the references; `members_<table>` holds a table's rows with
            `is_known`.
    """

    table: str
    rules: tuple[Rule, ...]
    joins: str = ""


# Rules on a row by itself.
ROW_CHECKS = (
    Check(
        "projects",
        (
            Rule(
                "goal_above_zero",
                "project.funding_goal <= 0",
                "funding_goal {project.funding_goal} is not above 0",
            ),
            Rule(
                "deadline_after_launch",
                "project.deadline_at <= project.launched_at",
                "deadline_at {project.deadline_at} is not after launched_at {project.launched_at}",
            ),
            Rule(
                "campaign_of_92_days_at_most",
                "project.deadline_at > project.launched_at + interval 92 days",
                "deadline_at {project.deadline_at} is more than 92 days after"
                " launched_at {project.launched_at}",
            ),
            Rule(
                "cancelled_during_campaign",
                "project.cancelled_at <= project.launched_at"
                " or project.cancelled_at >= project.deadline_at",
                "cancelled_at {project.cancelled_at} is not between"
                " launched_at {project.launched_at} and deadline_at {project.deadline_at}",
            ),
            Rule(
                "known_release_strategy",
                "project.release_strategy not in"
                " ('equal_tranches', 'front_loaded', 'back_loaded', 'holdback_20')",
                "release_strategy '{project.release_strategy}' is none of equal_tranches,"
                " front_loaded, back_loaded, holdback_20",
            ),
        ),
    ),
    Check(
        "pledges",
        (Rule("amount_above_zero", "pledge.amount <= 0", "amount {pledge.amount} is not above 0"),),
    ),
    Check(
        "milestones",
        (
            Rule(
                "amount_above_zero",
                "milestone.funding_amount <= 0",
                "funding_amount {milestone.funding_amount} is not above 0",
            ),
            Rule(
                "known_resolution",
                "milestone.resolution not in ('approved', 'rejected')",
                "resolution '{milestone.resolution}' is neither approved nor rejected",
            ),
            Rule(
                "resolution_with_resolved_at",
                "(milestone.resolution is null) <> (milestone.resolved_at is null)",
                "resolution is {milestone.resolution}, resolved_at is {milestone.resolved_at}:"
                " one needs the other",
            ),
            Rule(
                "resolved_after_submitted",
                "milestone.resolved_at is not null and"
                " (milestone.submitted_at is null"
                " or milestone.resolved_at <= milestone.submitted_at)",
                "resolved_at {milestone.resolved_at} is not after"
                " submitted_at {milestone.submitted_at}",
            ),
            Rule(
                "resolved_within_180_days_of_due",
                "milestone.resolved_at > milestone.due_at + interval 180 days",
                "resolved_at {milestone.resolved_at} is more than 180 days after"
                " due_at {milestone.due_at}",
            ),
        ),
    ),
)

# Rules between rows, in the order in which one table's soundness is needed to judge the next.
BETWEEN_CHECKS = (
    Check(
        "projects",
        (
            Rule(
                "creator_joined_by_launch",
                "creator.joined_at > project.launched_at",
                "launched_at {project.launched_at} is before"
                " creator {creator.creator_id} joined at {creator.joined_at}",
            ),
        ),
    ),
    Check(
        "pledges",
        (
            Rule(
                "pledged_during_campaign",
                "pledge.pledged_at < project.launched_at"
                " or pledge.pledged_at >= project.deadline_at",
                "pledged_at {pledge.pledged_at} is outside the campaign of project"
                " {project.project_id}, [{project.launched_at}, {project.deadline_at})",
            ),
            Rule(
                "pledged_before_cancellation",
                "pledge.pledged_at >= project.cancelled_at",
                "pledged_at {pledge.pledged_at} is not before project {project.project_id}"
                " was cancelled at {project.cancelled_at}",
            ),
            Rule(
                "backer_joined_by_pledge",
                "backer.joined_at > pledge.pledged_at",
                "pledged_at {pledge.pledged_at} is before"
                " backer {backer.backer_id} joined at {backer.joined_at}",
            ),
        ),
    ),
    Check(
        "milestones",
        (
            Rule(
                "due_after_deadline",
                "milestone.due_at <= project.deadline_at",
                "due_at {milestone.due_at} is not after"
                " deadline_at {project.deadline_at} of project {project.project_id}",
            ),
            Rule(
                "due_rising_with_number",
                "previous.is_known and milestone.due_at <= previous.due_at",
                "due_at {milestone.due_at} is not after due_at {previous.due_at} of the"
                " previous milestone {previous.milestone_id}",
            ),
            Rule(
                "submitted_after_funding",
                "milestone.submitted_at is not null and funding.is_known is not false"
                " and (project.cancelled_at is not null"
                " or milestone.submitted_at <= project.deadline_at"
                " or coalesce(funding.amount, 0) < project.funding_goal)",
                "submitted_at {milestone.submitted_at}, but project {project.project_id} was not"
                " funded before: deadline_at {project.deadline_at}, cancelled_at"
                " {project.cancelled_at}, pledged {coalesce(funding.amount, 0)}"
                " of {project.funding_goal}",
                absence_in=("pledges",),
            ),
            Rule(
                "submitted_after_previous_approval",
                "milestone.submitted_at is not null and previous.is_known and"
                " (previous.resolution is distinct from 'approved'"
                " or previous.resolved_at >= milestone.submitted_at)",
                "submitted_at {milestone.submitted_at}, but the previous milestone"
                " {previous.milestone_id} was not approved before: resolution"
                " {previous.resolution}, resolved_at {previous.resolved_at}",
            ),
        ),
        """
        left join (
            select project_id, sum(amount) as amount, bool_and(is_known) as is_known
            from members_pledges
            group by project_id
        ) as funding on funding.project_id = milestone.project_id
        left join members_milestones as previous
            on previous.project_id = milestone.project_id
            and previous.milestone_number = milestone.milestone_number - 1
        """,
    ),
    # Rules about a project's milestones as a set: the project is what breaks them.
    Check(
        "projects",
        (
            Rule(
                "milestone_numbers_1_to_n",
                "plan.is_known and (plan.first_number <> 1 or plan.last_number <> plan.row_count"
                " or plan.number_count <> plan.row_count)",
                "its {plan.row_count} milestones have {plan.number_count} different numbers,"
                " {plan.first_number} to {plan.last_number}",
                absence_in=("milestones",),
            ),
            Rule(
                "milestone_amounts_add_up_to_goal",
                "plan.is_known is not false and coalesce(plan.amount, 0) <> project.funding_goal",
                "its {coalesce(plan.row_count, 0)} milestones add up to"
                " {coalesce(plan.amount, 0)}, its goal is {project.funding_goal}",
                absence_in=("milestones",),
            ),
        ),
        """
        left join (
            select
                project_id,
                count(*) as row_count,
                min(milestone_number) as first_number,
                max(milestone_number) as last_number,
                count(distinct milestone_number) as number_count,
                sum(funding_amount) as amount,
                bool_and(is_known) as is_known
            from members_milestones
            group by project_id
        ) as plan on plan.project_id = project.project_id
        """,
    ),
    Check(
        "votes",
        (
            Rule(
                "one_vote_per_backer_and_milestone",
                "repeats.row_count > 1",
                "backer {vote.backer_id} voted {repeats.row_count} times"
                " on milestone {vote.milestone_id}",
            ),
            Rule(
                "vote_by_backer_of_project",
                "not exists ("
                " select 1 from members_pledges as pledge"
                " where pledge.project_id = milestone.project_id"
                " and pledge.backer_id = vote.backer_id)",
                "backer {vote.backer_id} has no pledge on project {milestone.project_id}",
                absence_in=("pledges",),
            ),
            Rule(
                "voted_after_submission",
                "milestone.submitted_at is null or vote.voted_at <= milestone.submitted_at",
                "voted_at {vote.voted_at} is not after submitted_at {milestone.submitted_at}"
                " of milestone {milestone.milestone_id}",
            ),
            Rule(
                "voted_by_resolution",
                "vote.voted_at > milestone.resolved_at",
                "voted_at {vote.voted_at} is after resolved_at {milestone.resolved_at}"
                " of milestone {milestone.milestone_id}",
            ),
        ),
        """
        left join (
            select milestone_id, backer_id, count(*) as row_count
            from members_votes
            where is_known
            group by milestone_id, backer_id
            having count(*) > 1
        ) as repeats
            on repeats.milestone_id = vote.milestone_id and repeats.backer_id = vote.backer_id
        """,
    ),
    Check(
        "experiment_exposures",
        (
            Rule(
                "exposed_before_pledge",
                "exposure.exposed_at >= pledge.pledged_at",
                "exposed_at {exposure.exposed_at} is not before pledged_at {pledge.pledged_at}"
                " of pledge {pledge.pledge_id}",
            ),
            Rule(
                "pledge_of_same_backer_and_project",
                "pledge.backer_id <> exposure.backer_id"
                " or pledge.project_id <> exposure.project_id",
                "pledge {pledge.pledge_id} is by backer {pledge.backer_id} on project"
                " {pledge.project_id}, the exposure by backer {exposure.backer_id} on project"
                " {exposure.project_id}",
            ),
            Rule(
                "one_variant_per_backer_and_experiment",
                "arms.first_variant <> arms.last_variant",
                "backer {exposure.backer_id} was shown variants {arms.first_variant} and"
                " {arms.last_variant} of experiment {exposure.experiment}",
            ),
            Rule(
                "backer_joined_by_exposure",
                "backer.joined_at > exposure.exposed_at",
                "exposed_at {exposure.exposed_at} is before"
                " backer {backer.backer_id} joined at {backer.joined_at}",
            ),
            Rule(
                "launched_by_exposure",
                "project.launched_at > exposure.exposed_at",
                "exposed_at {exposure.exposed_at} is before project {project.project_id}"
                " was launched at {project.launched_at}",
            ),
        ),
        """
        left join (
            select
                backer_id,
                experiment,
                min(variant) as first_variant,
                max(variant) as last_variant
            from members_experiment_exposures
            where is_known
            group by backer_id, experiment
            having min(variant) <> max(variant)
        ) as arms
            on arms.backer_id = exposure.backer_id and arms.experiment = exposure.experiment
        """,
    ),
)
