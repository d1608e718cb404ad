{{ config(materialized="view") }}

select
    project_id,
    backer_id,
    {{ to_amount('pledged_cents') }} as pledged_amount,
    {{ to_amount('released_cents') }} as released_amount,
    {{ to_amount('refunded_cents') }} as refunded_amount,
    {{ to_amount('pledged_cents - released_cents - refunded_cents') }} as held_amount
from {{ ref('int_backers_settled') }}
