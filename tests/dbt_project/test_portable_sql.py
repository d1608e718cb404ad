"""The lint of `make lint` that names what Spark lacks or reads otherwise, without Spark."""

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forks import REPOSITORY

LINT = REPOSITORY / ".ci" / "portable_sql.py"
Lint = Callable[[str], list[str]]


@pytest.fixture
def lint(monkeypatch: pytest.MonkeyPatch) -> Lint:
    """Names what is not portable in SQL that is rendered already."""
    monkeypatch.chdir(REPOSITORY)
    module = runpy.run_path(str(LINT))
    macros = module["dispatched"]()
    return lambda sql: [problem for _, problem in module["problems"](sql, macros)]


def run(*arguments: str) -> tuple[int, str]:
    process = subprocess.run(
        [sys.executable, str(LINT), *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, process.stdout + process.stderr


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        (
            "select arg_max(a, b) from t",
            "`arg_max`: not known to mean the same in Spark; use `max_",
        ),
        ("select date_diff('day', a, b) from t", "use the macro `microseconds_between`"),
        ("select a // 2 from t", "`//`: not known to mean the same in Spark; use the macro `relea"),
        ("select isodow(a) from t", "use the macro `iso_weekday`"),
        ("select extract(epoch from a) from t", "`epoch`"),
        ("select a + to_hours(3) from t", "use the macro `add_hours`"),
        ("select concat(a, b) from t", "use `||`"),
        ("select cast(a as varchar) from t", "use `string`"),
        ("select cast(a as hugeint) from t", "`hugeint`"),
        ("select cast(a as decimal) from t", "write its digits"),
        ("select a::bigint from t", "use `cast(… as …)`"),
        ("select strftime(a, '%Y') from t", "`strftime`"),
        ("select quantile_cont(a, 0.5) from t", "`quantile_cont`"),
        ("select regexp_matches(a, 'x') from t", "`regexp_matches`"),
        ("select string_agg(a, ',') from t", "`string_agg`"),
        ("select list_sort(a) from t", "`list_sort`"),
        ("select a[1] from t", "`[`"),
        ("select [x + 1 for x in a] from t", "`for`"),
        ("select {'a': 1} from t", "`{`"),
        ("select * exclude (a) from t", "`exclude`"),
        ("select columns(*) from t", "`columns`"),
        ("select count(*) filter (where a) from t", "`filter`"),
        ("select a from t qualify rank() over (order by a desc) = 1", "`qualify`"),
        ("select a from t asof join u on t.b >= u.b", "`asof`"),
        ("select a from t union by name select b from u", "`name`"),
        ("select distinct on (a) a from t", "Spark has no `distinct on`"),
        ("select sum(a order by b desc) from t", "Spark has no order within an aggregate"),
        ('select a as "B" from t', '`"B"`: a text in Spark'),
        (r"select 'a\b' from t", r"`'a\b'`: means something else in Spark"),
        ("select lag(a) over (order by b) from t", "`b`: NULLs are last in DuckDB and first in"),
        ("select a from t order by a.b, c limit 3", "`a.b`: NULLs"),
        ("select a / b from t", "`a / b`: Spark fails where it divides by zero"),
        ("select 2.5 / nullif(a, 0) from t", "Spark divides decimals as decimals"),
        ("select cast(a as decimal(18, 2)) / 3 from t", "Spark divides decimals as decimals"),
        ("select cast(a / 4 as bigint) from t", "Spark rounds a quotient otherwise"),
        ("select cast(a / 4 as decimal(18, 2)) from t", "Spark rounds a quotient otherwise"),
        ("select round(a, 2) from t", "Spark rounds a float otherwise"),
    ],
)
def test_what_is_not_portable_is_named(lint: Lint, sql: str, problem: str) -> None:
    assert problem in "\n".join(lint(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "select max_by(a, b), count(distinct a) from t group by c having count(*) > 1",
        "select lag(a) over (order by b nulls last, c desc) from t",
        "select sum(a) over w from t window w as (partition by b order by c desc rows between"
        " unbounded preceding and current row)",
        "select a / nullif(b, 0), a / 3, a / 1e3, a / (b + 2), case when b > 0 then a / b end",
        "select cast(round(a / 4) as bigint), cast(round(a * 1e2) / 1e2 as decimal(18, 2)) from t",
        "select round(cast(a as decimal(19, 15)) * b, 2) from t",
        "select a || cast(null as string), cast(b as date) from t where c is not distinct from d",
        "select date, year, comment, filter.name from filter",  # names, whatever else they mean
        "select released_cents(a, b, c), add_hours(d, 3) from t",  # dispatch macros
        "select a from t where a in (select b from u) or exists (select 1 from v) limit 3",
    ],
)
def test_what_is_portable_passes(lint: Lint, sql: str) -> None:
    assert lint(sql) == []


def test_it_names_the_line_and_column_of_the_file(tmp_path: Path) -> None:
    """Of a macro without dispatch the line that calls it."""
    model = tmp_path / "late_projects.sql"
    model.write_text(
        "with\n"
        "projects as (select * from {{ ref('dim_projects') }})\n"
        "select\n"
        "    {{ days_between('launched_at', 'deadline_at') }} as days,\n"
        "    {{ to_amount('list_sum(cents)') }} as amount,\n"
        "    {% for kind in var('snapshot_kinds').project %}1 as {{ kind.name }},{% endfor %}\n"
        "    date_diff('day', launched_at, deadline_at) as whole_days\n"
        "from projects\n"
    )
    code, output = run(str(model))
    assert code == 1
    first, second, remedy, *_ = output.splitlines()
    assert first == f"{model}:5:5: `list_sum`: not known to mean the same in Spark"
    assert second.startswith(f"{model}:7:5: `date_diff`: not known")
    assert remedy.startswith("What Spark lacks becomes a dispatch macro.")


def test_all_models_and_tests_of_the_project_pass() -> None:
    assert run() == (0, "")
