"""The raw contract, rules between rows: references, order of events, sums over a project."""

from expectations.landing.rules_of_rows import Absence, Check, Rule

# of a decimal(18, 2), as which the ledger keeps a project's sums
LARGEST_AMOUNT = "9999999999999999.99"
_FUNDING = Absence("pledges", (("project_id", "milestone.project_id"),))
_PLAN = Absence("milestones", (("project_id", "project.project_id"),))
_BACKING = Absence(
    "pledges",
    (("project_id", "milestone.project_id"), ("backer_id", "vote.backer_id")),
    judged_with_gaps=("backer_id",),
)

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
                "milestone.due_at <= previous.due_at",
                "due_at {milestone.due_at} is not after due_at {previous.due_at} of the"
                " previous milestone {previous.milestone_id}",
            ),
            Rule(
                "submitted_after_deadline",
                "milestone.submitted_at <= project.deadline_at",
                "submitted_at {milestone.submitted_at} is not after"
                " deadline_at {project.deadline_at} of project {project.project_id}",
            ),
            Rule(
                "not_submitted_if_cancelled",
                "milestone.submitted_at is not null and project.cancelled_at is not null",
                "submitted_at {milestone.submitted_at}, but project {project.project_id}"
                " was cancelled at {project.cancelled_at}",
            ),
            Rule(
                "submitted_after_funding",
                "milestone.submitted_at is not null"
                " and case when funding.project_id is null then 0 else funding.amount end"
                " < project.funding_goal",
                "submitted_at {milestone.submitted_at}, but project {project.project_id}"
                " was not funded: pledged {coalesce(funding.amount, 0)} of {project.funding_goal}",
                _FUNDING,
            ),
            Rule(
                "submitted_after_previous_approval",
                "milestone.submitted_at is not null and previous.milestone_number is not null and"
                " (previous.resolution is null or previous.resolution <> 'approved'"
                " or previous.resolved_at >= milestone.submitted_at)",
                "submitted_at {milestone.submitted_at}, but the previous milestone"
                " {previous.milestone_id} was not approved before: resolution"
                " {previous.resolution}, resolved_at {previous.resolved_at}",
            ),
        ),
        """
        left join (
            -- a sum with an unknown amount is unknown
            select
                project_id,
                case when count(amount) = count(*) then sum(amount) end as amount
            from keyed_pledges
            group by project_id
        ) as funding on funding.project_id = milestone.project_id
        left join keyed_milestones as previous
            on previous.project_id = milestone.project_id
            and previous.milestone_number = milestone.milestone_number - 1
        """,
        (("previous", "milestones"),),
    ),
    # Rules about a project's milestones as a set: the project is what breaks them.
    Check(
        "projects",
        (
            Rule(
                "milestone_numbers_1_to_n",
                "plan.number_count is not null"
                " and (plan.first_number <> 1 or plan.last_number <> plan.row_count"
                " or plan.number_count <> plan.row_count)",
                "its {plan.row_count} milestones have {plan.number_count} different numbers,"
                " {plan.first_number} to {plan.last_number}",
                _PLAN,
            ),
            Rule(
                "milestone_amounts_add_up_to_goal",
                "case when plan.project_id is null then 0 else plan.amount end"
                " <> project.funding_goal",
                "its {coalesce(plan.row_count, 0)} milestones add up to"
                " {coalesce(plan.amount, 0)}, its goal is {project.funding_goal}",
                _PLAN,
            ),
            Rule(
                "pledges_add_up_to_16_digits",
                f"pledged.amount > {LARGEST_AMOUNT}",
                f"its pledges add up to {{pledged.amount}}, more than {LARGEST_AMOUNT}",
            ),
        ),
        """
        left join (
            select
                project_id,
                count(*) as row_count,
                min(milestone_number) as first_number,
                max(milestone_number) as last_number,
                case
                    when count(milestone_number) = count(*) then count(distinct milestone_number)
                end as number_count,
                case when count(funding_amount) = count(*) then sum(funding_amount) end as amount
            from keyed_milestones
            group by project_id
        ) as plan on plan.project_id = project.project_id
        left join (
            select project_id, sum(amount) as amount
            from keyed_pledges
            group by project_id
        ) as pledged on pledged.project_id = project.project_id
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
                "stranger._row is not null",
                "backer {vote.backer_id} has no pledge on project {project.project_id}",
                _BACKING,
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
        left join keyed_projects as project on project.project_id = milestone.project_id
        left join (
            select milestone_id, backer_id, count(*) as row_count
            from keyed_votes
            group by milestone_id, backer_id
            having count(*) > 1
        ) as repeats
            on repeats.milestone_id = vote.milestone_id and repeats.backer_id = vote.backer_id
        left join (
            select vote._row
            from rows_votes as vote
            inner join keyed_milestones as milestone on milestone.milestone_id = vote.milestone_id
            inner join keyed_projects as project on project.project_id = milestone.project_id
            anti join keyed_pledges as pledge
                on pledge.project_id = project.project_id and pledge.backer_id = vote.backer_id
            -- whose pledge on the project names no backer may be any of its voters
            anti join (select project_id from keyed_pledges where backer_id is null) as nameless
                on nameless.project_id = project.project_id
            where vote.backer_id is not null
        ) as stranger on stranger._row = vote._row
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
                "exposed_during_campaign",
                "exposure.exposed_at < project.launched_at"
                " or exposure.exposed_at >= project.deadline_at",
                "exposed_at {exposure.exposed_at} is outside the campaign of project"
                " {project.project_id}, [{project.launched_at}, {project.deadline_at})",
            ),
            Rule(
                "exposed_before_cancellation",
                "exposure.exposed_at >= project.cancelled_at",
                "exposed_at {exposure.exposed_at} is not before project {project.project_id}"
                " was cancelled at {project.cancelled_at}",
            ),
            Rule(
                "one_exposure_per_pledge",
                "claims.row_count > 1",
                "pledge {exposure.pledge_id} is claimed by {claims.row_count} exposures, among them"
                " {claims.first_exposure} and {claims.last_exposure}",
            ),
        ),
        """
        left join (
            select
                backer_id,
                experiment,
                min(variant) as first_variant,
                max(variant) as last_variant
            from keyed_experiment_exposures
            group by backer_id, experiment
            having min(variant) <> max(variant)
        ) as arms
            on arms.backer_id = exposure.backer_id and arms.experiment = exposure.experiment
        left join (
            select
                pledge_id,
                count(*) as row_count,
                min(exposure_id) as first_exposure,
                max(exposure_id) as last_exposure
            from keyed_experiment_exposures
            where pledge_id is not null
            group by pledge_id
            having count(*) > 1
        ) as claims on claims.pledge_id = exposure.pledge_id
        """,
    ),
)
