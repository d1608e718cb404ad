select
    'launch' as snapshot_kind,
    0 as bucket,
    0 as clock_hours
union all
select
    'h4' as snapshot_kind,
    1 as bucket,
    4 as clock_hours
union all
select
    'h36' as snapshot_kind,
    2 as bucket,
    36 as clock_hours
union all
select
    'd3' as snapshot_kind,
    3 as bucket,
    72 as clock_hours
union all
select
    'd6' as snapshot_kind,
    4 as bucket,
    144 as clock_hours
union all
select
    'd14' as snapshot_kind,
    5 as bucket,
    336 as clock_hours
union all
select
    'd21' as snapshot_kind,
    6 as bucket,
    504 as clock_hours
union all
-- AS_OF comes after every pledge there is, so it sees all buckets
select
    'current' as snapshot_kind,
    7 as bucket,
    null as clock_hours
