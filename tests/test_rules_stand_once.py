"""A number or list that carries a rule stands once; each message says where it belongs."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from expectations.landing import contract
from generator import catalogue, delivery
from generator.truth import risk, success
from ml.bandit.settings import ARMS
from pages.registry import PAGES
from tests import declared

ROOT = Path(__file__).resolve().parents[1]
FEATURES = "dbt_project/models/marts/features/_features__models.yml"
PLATFORM_YAML = "dbt_project/models/staging/platform/_platform__models.yml"
VARS = "vars of dbt_project/dbt_project.yml"
HOURS = 3_600_000_000

# Days as a rule of its own: 14 (the grace) and 180 (the expiry), written as SQL or Python does.
RULE_NUMBER = re.compile(
    r"interval\s+'?(?:14|180)'?\s+days?\b|to_days\((?:14|180)\)|\b(?:14|180)\s*\*\s*DAY\b"
    r"|days=(?:14|180)\b|\b(?:336|4320)\b",
    re.IGNORECASE,
)
KINDS = {kind for entity in declared.KEYS for kind in declared.snapshot_kinds(entity)}
# Where the declarations themselves are, or a simulator of another company's platform has its own.
DECLARES = ("dbt_project/dbt_project.yml", "generator/")


def sources() -> Iterator[tuple[str, str]]:
    """The code of the product by path, without its comments: SQL, Python and suites."""
    for folder in ("dbt_project/macros", "dbt_project/models", "expectations", "ml", "pages"):
        for path in sorted((ROOT / folder).rglob("*")):
            name = str(path.relative_to(ROOT))
            if path.suffix in (".sql", ".py", ".toml") and not name.startswith(DECLARES):
                mark = "--" if path.suffix == ".sql" else "#"
                lines = path.read_text(encoding="utf-8").splitlines()
                yield name, "\n".join(re.sub(rf"{mark}\s.*", "", line) for line in lines)


def second_declarations(name: str, text: str) -> list[str]:
    """What a source says a second time, with the place it is to be read from."""
    found = [
        f"{name}: {match[0]!r} repeats a rule: read grace_ends_at, expires_at or"
        f" label_window_ends_at, or use grace_hours(); the number belongs to {VARS}"
        for match in RULE_NUMBER.finditer(text)
    ]
    for match in re.finditer(r"[(\[]([^()\[\]]*)[)\]]", text):
        listed = set(re.findall(r"['\"](\w+)['\"]", match[1]))
        if len(listed & KINDS) >= 4:
            found.append(f"{name}: a list of snapshot kinds: read features.snapshot_kinds ({VARS})")
    return found


def test_a_rule_is_declared_once() -> None:
    assert [found for name, text in sources() for found in second_declarations(name, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "due_at + interval 14 day as ends_at",
        "where due_at <= as_of - interval '180' days",
        "ends = due_at + timedelta(days=14)",
        "add_hours('due_at', 336)",
        'KINDS = ("launch", "h4", "h36", "d3")',
    ],
)
def test_a_second_declaration_is_found(text: str) -> None:
    [message] = second_declarations("ml/new.py", text)
    assert message.startswith("ml/new.py: ")
    assert VARS in message


def test_other_packages_and_the_simulator_know_the_same_numbers() -> None:
    """Packages do not import each other: what landing refuses and the simulator plays is equal."""
    grace, expiry = declared.VARS["grace_days"], declared.VARS["expiry_days"]
    message = f"differs from {VARS}: change both"
    assert expiry == contract.MAX_RESOLUTION_DAYS, (
        f"MAX_RESOLUTION_DAYS of expectations/landing/contract.py {message}"
    )
    assert expiry == delivery.REFUND_DAYS, f"REFUND_DAYS of generator/delivery.py {message}"
    assert grace == risk.RISK_DAYS, f"RISK_DAYS of generator/truth/risk.py {message}"


def test_the_truth_knows_the_snapshot_kinds_of_projects() -> None:
    fixed = {
        kind: hours * HOURS
        for kind, hours in declared.snapshot_kinds("project").items()
        if hours is not None
    }
    assert list(fixed.items()) == list(success.KINDS.items()), (
        f"KINDS of generator/truth/success.py differs from {VARS}: change both"
    )


def test_release_strategies_are_those_of_the_raw_contract() -> None:
    message = "differs from RELEASE_STRATEGIES of expectations/landing/contract.py: change both"
    assert ARMS == contract.RELEASE_STRATEGIES, f"ARMS of ml/bandit/settings.py {message}"
    assert catalogue.STRATEGIES == contract.RELEASE_STRATEGIES, (
        f"STRATEGIES of generator/catalogue.py {message}"
    )


@pytest.mark.parametrize("entity", declared.KEYS)
def test_every_feature_has_a_group_and_a_description(entity: str) -> None:
    groups = declared.groups(entity)
    for each in declared.features(entity):
        where = f"{entity}_features.{each.name} in {FEATURES}"
        assert each.group, (
            f"{where} has no group: give it config: {{meta: {{feature_group: …}}}}, one of"
            f" {', '.join(groups)}; without it no model reads it"
        )
        assert each.group in groups, (
            f"{where} is in the group {each.group}: declare it among feature_groups there"
        )
        assert each.description.strip(), f"{where} has no description"


@pytest.mark.parametrize("entity", declared.KEYS)
def test_every_column_of_the_feature_models_is_in_the_contract_and_the_reference(
    entity: str,
) -> None:
    """Both are read as text: what was forgotten is named without building anything."""
    names = {each.name for each in declared.features(entity)}
    model = f"dbt_project/models/marts/features/{entity}_features.sql"
    reference = "tests/dbt_project/reference/features.py"
    for path in (model, reference):
        words = set(re.findall(r"\w+", (ROOT / path).read_text(encoding="utf-8")))
        assert names <= words, f"{sorted(names - words)} of {FEATURES} is missing in {path}"
    text = (ROOT / model).read_text(encoding="utf-8")
    final = text.rpartition(f"{entity}_features as (")[2].partition("    from ")[0]
    selected = set(re.findall(r"(?:\bas |\.|^ {8})(?!case$)(\w+),?$", final, re.MULTILINE))
    forgotten = selected - names - set(declared.KEYS[entity])
    assert not forgotten, f"{sorted(forgotten)} of {model} is missing in {FEATURES}"


@pytest.mark.parametrize("table", contract.TABLES, ids=lambda table: str(table.name))
def test_every_raw_column_is_staged_and_described(table: contract.Table) -> None:
    described = yaml.safe_load((ROOT / PLATFORM_YAML).read_text(encoding="utf-8"))["models"]
    [model] = [each for each in described if each["name"] == f"stg_{table.name}"]
    columns = {each["name"]: each["description"] for each in model["columns"]}
    sql = f"dbt_project/models/staging/platform/stg_{table.name}.sql"
    staged = set(re.findall(r"\w+", (ROOT / sql).read_text(encoding="utf-8")))
    for column in table.columns:
        where = f"{table.name}.{column.name} of expectations/landing/contract.py"
        assert column.description.strip(), f"{where} has no description"
        assert column.name in staged, f"{where} is not read: add it to {sql}"
        assert columns.get(column.name, "").strip(), (
            f"{where} has no description in dbt: add it to stg_{table.name} in {PLATFORM_YAML}"
        )


def test_every_page_is_in_the_registry() -> None:
    """A module that writes a page, or a template that no module renders, is linked by nobody."""
    registered = {page.module for page in PAGES}
    for path in sorted((ROOT / "pages").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        functions = ast.parse(path.read_text(encoding="utf-8")).body
        writes = any(
            isinstance(each, ast.FunctionDef) and each.name == "write" for each in functions
        )
        assert not writes or module in registered, (
            f"{module} writes a page that nobody links: add a Page to PAGES in pages/registry.py"
        )
    makers = [*(ROOT / "pages").rglob("*.py"), *(ROOT / "pages").rglob("*.jinja")]
    makers += (ROOT / "tests/benchmarks").glob("*.py")  # the page of `make bench`
    texts = "".join(path.read_text(encoding="utf-8") for path in makers)
    for template in sorted((ROOT / "pages").rglob("*.html.jinja")):
        assert template.name in texts, (
            f"pages/{template.name} is rendered by no module: render it in the write() of a module"
            " that PAGES in pages/registry.py names"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_of_the_registry_has_its_module(page: object) -> None:
    module = str(getattr(page, "module", ""))
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    assert path.is_file(), f"PAGES in pages/registry.py names {module}: write {path.name}"
    assert "def write(" in path.read_text(encoding="utf-8"), f"{module} has no write()"
