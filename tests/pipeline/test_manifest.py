"""What the manifest of dbt says of tests, on the smallest manifest that has each kind."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.manifest import DbtTest, _runner, keys, read_tests


def made_test(about: list[str], kind: str = "", **arguments: Any) -> dict[str, Any]:
    generic = {"test_metadata": {"name": kind, "kwargs": arguments}, "attached_node": about[-1]}
    return {
        "resource_type": "test",
        "name": "money_is_conserved",
        "config": {"severity": "ERROR"},
        "depends_on": {"nodes": about},
        **(generic if kind else {}),
    }


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest with two models and tests of them."""
    models = {
        f"model.{name}": {"resource_type": "model", "schema": "core", "name": name}
        for name in ("projects", "votes")
    }
    both = ["model.projects", "model.votes"]
    tests = {
        "unique": made_test(["model.projects"], "unique", column_name="project_id"),
        "combination": made_test(
            ["model.votes"], "unique_combination", columns=["backer_id", "milestone_id"]
        ),
        "reference": made_test(
            both, "relationships", column_name="project_id", to="ref('projects')", field="id"
        ),
        "of_one_table": made_test(["model.votes"]),
        "of_two_tables": made_test(both),
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"nodes": models | tests, "sources": {}}))
    return path


def test_each_kind_of_test_has_a_readable_name_and_its_table(manifest: Path) -> None:
    assert read_tests(manifest) == {
        "unique": DbtTest("unique", "core.projects", "project_id", "error", ("project_id",)),
        "combination": DbtTest(
            "unique_combination (backer_id, milestone_id)",
            "core.votes",
            None,
            "error",
            ("backer_id", "milestone_id"),
        ),
        "reference": DbtTest("relationships to projects.id", "core.votes", "project_id", "error"),
        "of_one_table": DbtTest("money_is_conserved", "core.votes", None, "error"),
        "of_two_tables": DbtTest("money_is_conserved", None, None, "error"),
    }


def test_keys_are_what_a_test_proves_to_be_unique(manifest: Path) -> None:
    assert keys(manifest) == {
        "core.projects": ("project_id",),
        "core.votes": ("backer_id", "milestone_id"),
    }


def test_of_what_dbt_tells_only_warnings_and_errors_become_messages() -> None:
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager_client import add_callback_to_manager, cleanup_event_logger
    from dbt_common.events.functions import fire_event
    from dbt_common.events.types import Note

    shown: list[tuple[str, str]] = []
    _runner()
    add_callback_to_manager(lambda event: shown.append((event.info.level, event.info.msg)))
    try:
        for level in EventLevel:
            fire_event(Note(msg="said"), level=level)
    finally:
        cleanup_event_logger()
    assert shown == [("warn", "said"), ("error", "said")]
