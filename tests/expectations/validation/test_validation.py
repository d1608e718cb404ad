"""The validation as it is called: what it accepts, refuses, keeps, and says to a wrong call."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from expectations.errors import CallError
from expectations.validation import stage as validate
from expectations.validation.databases import Published
from expectations.validation.stage import judge, main
from expectations.validation.suite_files import load_suites
from expectations.warehouse import Warehouse
from tests.expectations.validation.validation_world import SUITES, build_world, execute, rows

EXPECTATIONS = sum(len(suite.expectations) for suite in SUITES.values())
TABLES = len(SUITES)
SUITE = """
table = "core.dim_projects"
key = ["project_id"]
about = "One row per project."

[expectations.title_is_known]
expect = "column_values_to_not_be_null"
column = "title"
severity = "warn"
meaning = "A project has a title."
"""


class Completed(NamedTuple):
    """What a call printed and returned."""

    code: int
    out: str
    err: str


class Bench:
    """A warehouse folder with a healthy build, and the command that validates it."""

    def __init__(self, healthy: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.warehouse = Warehouse.at(folder / "warehouse")
        self.warehouse.build_folder.mkdir(parents=True)
        shutil.copyfile(healthy, self.warehouse.build)
        self._capsys = capsys

    def arguments(self, *, run_id: str = "run-1") -> list[str]:
        paths = {
            "--db": self.warehouse.build,
            "--published": self.warehouse.published,
            "--warehouse": self.warehouse.root,
        }
        given = [str(part) for path in paths.items() for part in path]
        return [*given, "--run-id", run_id]

    def validate(self, *options: str, run_id: str = "run-1") -> Completed:
        code = main([*self.arguments(run_id=run_id), *options])
        printed = self._capsys.readouterr()
        return Completed(code, printed.out, printed.err)

    def spoil(self, *statements: str) -> None:
        execute(self.warehouse.build, *statements)

    def publish(self) -> None:
        shutil.copyfile(self.warehouse.build, self.warehouse.published)

    def results(self, columns: str, where: str = "true") -> list[tuple[object, ...]]:
        query = f"select {columns} from quality.validation_results where {where}"
        return rows(self.warehouse.build, query)

    def report(self) -> dict[str, Any]:
        text = (self.warehouse.build_folder / "validation.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_world(tmp_path_factory.mktemp("world") / "escrow.duckdb")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Leaves only the suites that are asked about, and says how many expectations they have."""
    suites = [SUITES["dim_backers"], SUITES["fct_votes"]]
    monkeypatch.setattr(validate, "load_suites", lambda: suites)
    return sum(len(suite.expectations) for suite in suites)


@pytest.fixture
def bench(healthy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(healthy, tmp_path, capsys)


def unbroken(text: str) -> str:
    """Joins lines that were broken where the screen ends."""
    return text.replace("\n" + " " * 15, " ").replace("\n    ", " ")


def test_a_healthy_build_is_accepted(bench: Bench) -> None:
    done = bench.validate()
    assert (done.code, done.err) == (0, "")
    head = f"validate   {EXPECTATIONS} expectations on {TABLES} tables: {EXPECTATIONS} passed,"
    assert done.out.startswith(f"{head} 0 warnings, 0 errors (")
    assert done.out.split()[-2:] == ["->", str(bench.warehouse.build_folder / "validation.json")]
    assert bench.report()["comparison"] == "first run: nothing is published yet"
    assert not bench.warehouse.rejected.exists()


def test_warnings_are_shown_and_accepted(bench: Bench) -> None:
    bench.spoil(
        "update core.dim_projects set country = null",
        "update core.fct_votes set is_approval = true",
        "delete from core.dim_projects where project_status = 'live'",
        "update features.milestone_features set planned_days = 40, funding_amount = 1,"
        " overfunding_ratio = 1, milestone_number = 1",
    )
    done = bench.validate()
    assert (done.code, done.err) == (0, "")
    assert "7 warnings, 0 errors" in done.out
    assert (
        "  warning  core.dim_projects.country, country_is_mostly_known:"
        " observed 195 of 195 rows fail, expected filled, in at least 50 % of rows"
    ) in unbroken(done.out)
    assert done.out.endswith("  warning  and 2 more, all on the page\n")


def test_an_error_refuses_the_build_and_leaves_a_report(bench: Bench) -> None:
    bench.spoil(
        "update core.dim_projects set country = null",
        """update features.project_features set elapsed_ratio = 1.5
            where snapshot_kind = 'd3' and project_id = 5""",
    )
    done = bench.validate()
    assert (done.code, done.out) == (1, "")
    folder = bench.warehouse.rejected / "run-1"
    assert done.err.startswith(
        f"validate   REFUSED: {EXPECTATIONS} expectations on {TABLES} tables"
    )
    assert "1 warning, 1 error" in done.err
    assert f"-> {folder / 'validation.html'}\n" in done.err
    assert (
        "  error    features.project_features.elapsed_ratio, shares_lie_between_0_and_1:"
        " observed 1 of 1,379 rows fail, expected from 0 to 1"
        " (project_id=5, snapshot_kind=d3, elapsed_ratio=1.5)"
    ) in unbroken(done.err)
    report = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    assert report == bench.report()
    assert (report["run_id"], report["errors"], report["warnings"]) == ("run-1", 1, 1)
    assert [each["status"] for each in report["outcomes"][:3]] == ["error", "warning", "passed"]
    row = {"project_id": 5, "snapshot_kind": "d3", "elapsed_ratio": 1.5}
    assert report["outcomes"][0]["failing_rows"] == [row]


def test_every_outcome_is_kept_per_run(bench: Bench, few: int) -> None:
    bench.validate(run_id="run-1")
    bench.validate(run_id="run-2")
    bench.validate(run_id="run-2")
    assert bench.results("run_id, count(*)", "true group by run_id order by run_id") == [
        ("run-1", few),
        ("run-2", few),
    ]
    columns = (
        "table_name, column_name, severity, success, observed_value, unexpected_count,"
        " element_count, arguments, message"
    )
    name = "expectation = 'country_is_mostly_known' and suite = 'dim_backers' and run_id = 'run-2'"
    assert bench.results(columns, name) == [
        (
            *("core.dim_backers", "country", "warn", True, "125 of 500 rows fail", 125, 500),
            '{"expect": "column_values_to_not_be_null", "mostly": 0.5}',
            "Country may be empty, but is of little use when most of it is.",
        )
    ]
    assert bench.results("count(*)", "validated_at is null or message is null") == [(0,)]


def test_the_table_of_results_may_be_there_already(bench: Bench, few: int) -> None:
    bench.spoil(
        "create schema quality",
        """create table quality.validation_results (validated_at timestamp, run_id varchar,
            suite varchar, table_name varchar, column_name varchar, expectation varchar,
            severity varchar, success boolean, observed_value varchar, unexpected_count bigint,
            element_count bigint, arguments varchar, message varchar)""",
        "insert into quality.validation_results (run_id) values ('of a year ago')",
    )
    assert bench.validate().code == 0
    assert bench.results("count(*)") == [(few + 1,)]
    assert bench.results("count(*)", "suite = 'fct_votes' and run_id = 'run-1'") == [(4,)]


@pytest.mark.usefixtures("few")
def test_rows_lost_since_the_published_run_are_a_warning(bench: Bench) -> None:
    bench.publish()
    bench.spoil("delete from core.dim_backers where backer_id > 400")
    done = bench.validate()
    assert done.code == 0
    assert "dim_backers, volume_against_published: observed 0.8, expected from 1 to 3" in done.out
    assert bench.report()["comparison"] == "compared with the published run"


@pytest.mark.usefixtures("few")
def test_an_export_that_ends_earlier_is_compared_unless_that_was_asked_for(bench: Bench) -> None:
    bench.publish()
    execute(bench.warehouse.published, "update core.warehouse_as_of set as_of = '2024-02-01'")
    bench.spoil("delete from core.dim_backers where backer_id > 240")
    assert bench.validate().code == 0
    done = bench.validate("--default-as-of")
    assert done.code == 1
    assert "dim_backers, not_halved_against_published: observed 0.48, expected" in done.err


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("published", ["another platform", "later AS_OF", "older version"])
def test_what_is_published_may_not_be_comparable(bench: Bench, published: str) -> None:
    bench.publish()
    if published == "another platform":
        bench.warehouse.another_platform.touch()
        reason = "first run of this platform: another one is published"
    elif published == "later AS_OF":
        execute(bench.warehouse.published, "update core.warehouse_as_of set as_of = '2024-02-01'")
        reason = "the published run has a later AS_OF, 2024-02-01 00:00:00"
    else:
        execute(bench.warehouse.published, "drop table core.dim_backers")
        reason = "the published run has no row to compare with"
    bench.spoil("delete from core.dim_backers where backer_id > 400")
    assert " 0 warnings" in bench.validate().out
    name = "suite = 'dim_backers' and expectation = 'volume_against_published'"
    assert bench.results("observed_value, success", name) == [(reason, True)]


WRONG_CALLS = {
    "drop table features.project_labels": (
        "no table features.project_labels; build it first (make features)"
    ),
    "drop table core.warehouse_as_of": (
        "no table core.warehouse_as_of; build it first (make features)"
    ),
    "delete from core.warehouse_as_of": "core.warehouse_as_of has 0 rows, not one timestamp",
    "alter table core.fct_pledges drop amount": (
        "core.fct_pledges has no column amount; the suite"
        " expectations/validation/suites/fct_pledges.toml names it"
    ),
}


@pytest.mark.parametrize("statement", WRONG_CALLS)
def test_a_database_that_is_no_warehouse(bench: Bench, statement: str) -> None:
    bench.spoil(statement)
    message = f"validate   {bench.warehouse.build}: {WRONG_CALLS[statement]}\n"
    assert bench.validate() == Completed(2, "", message)


def test_a_missing_database(bench: Bench) -> None:
    bench.warehouse.build.unlink()
    missing = "no such file; build it first (make features)"
    assert bench.validate() == Completed(2, "", f"validate   {bench.warehouse.build}: {missing}\n")


@pytest.mark.parametrize("file", ["build", "published"])
def test_a_file_that_is_no_database(bench: Bench, file: str) -> None:
    path: Path = getattr(bench.warehouse, file)
    path.write_text("project_id,title\n", encoding="utf-8")
    done = bench.validate()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"validate   {path}: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("run_id", ["../elsewhere", "", ".."])
def test_a_run_id_names_a_folder(bench: Bench, run_id: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        bench.validate(run_id=run_id)


BAD_SUITES = {
    'severity = "fatal"': (
        "[expectations.title_is_known]: severity should be 'error' or 'warn', not 'fatal'"
    ),
    "about = 3": "titles.toml: about should be a valid string, not 3",
    'columns = "title"': (
        "[expectations.title_is_known]: columns should be a valid list, not 'title'"
    ),
    'expect = "column_to_be_nice"': (
        "[expectations.title_is_known]: Great Expectations has no expect_column_to_be_nice"
    ),
    "mostly = 7": "mostly ensure this value is less than or equal to 1.0",
    "mosty = 0.9": "mosty extra fields not permitted",
    'query = "select {elsewhere}"': "[expectations.title_is_known]: no such parameter: elsewhere",
    "[expectations.unfinished]": (
        "[expectations.unfinished]: expect is missing; titles.toml, [expectations.unfinished]:"
        " severity is missing; titles.toml, [expectations.unfinished]: meaning is missing"
    ),
    "[expectation]": (
        "titles.toml: expectation is unknown; known here: table, key, about, expectations"
    ),
    "meaning =": "Invalid value",
}


@pytest.mark.parametrize("line", BAD_SUITES)
def test_a_suite_that_cannot_be_understood(healthy: Path, tmp_path: Path, line: str) -> None:
    field = line.partition("=")[0]
    lines = [line if each.startswith(field) else each for each in SUITE.splitlines()]
    lines += [line] if line not in lines else []
    (tmp_path / "titles.toml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CallError) as raised:
        judge(healthy, load_suites(tmp_path), Published({}, ""))
    assert str(raised.value).startswith("titles.toml")
    assert BAD_SUITES[line] in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_query_that_cannot_be_run(healthy: Path, tmp_path: Path) -> None:
    query = 'expect = "no_rows"\nquery = "select nothing_of_this from {batch}"'
    text = SUITE.replace('expect = "column_values_to_not_be_null"\ncolumn = "title"', query)
    (tmp_path / "titles.toml").write_text(text, encoding="utf-8")
    with pytest.raises(
        CallError, match=r"titles.toml, .expectations.title_is_known.: .*Binder Error"
    ):
        judge(healthy, load_suites(tmp_path), Published({}, ""))


def test_a_folder_without_suites(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="there is no suite"):
        load_suites(tmp_path)
