"""The command that makes the pages: one that fails takes nothing else with it."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pages import __main__ as pages
from pages.frame import Frame
from pages.links import Links


def test_a_page_that_fails_says_so_in_its_place(
    finished: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = []

    def module(name: str) -> SimpleNamespace:
        def write(_: Any, __: Any) -> None:
            if name == "pages.report.page":
                raise KeyError("d3")
            made.append(name)

        return SimpleNamespace(write=write)

    monkeypatch.setattr(pages, "import_module", module)
    monkeypatch.setattr(pages.frame, "read", lambda _: Frame(datetime(2024, 1, 1), ()))
    monkeypatch.setattr(pages.links, "read", lambda _: Links({}))
    folders = ("--warehouse", str(finished.folder), "--site", str(tmp_path))
    assert pages.main(["report", "experiments", *folders]) == 3
    assert made == ["pages.experiments"]
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Modeling report is not available" in page
    assert "KeyError: &#39;d3&#39;" in page
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("pages: a bug ended the making of: report\n")


@pytest.mark.parametrize("missing", ["static_index.html", "manifest.json", "validation.json"])
def test_a_missing_input_leaves_the_site_as_it_was(
    finished: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    build, site = finished.folder / "build", tmp_path / "site"
    build.mkdir(exist_ok=True)
    for name in {"static_index.html", "manifest.json", "validation.json"} - {missing}:
        (build / name).write_text("{}")
    docs = build / "static_index.html"
    arguments = ("--warehouse", str(finished.folder), "--site", str(site), "--docs", str(docs))
    assert pages.main(arguments) == 2
    assert missing in capsys.readouterr().err
    assert not site.exists()


def test_a_warehouse_of_another_version_leaves_the_site_as_it_was(
    finished: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """This one has no schema `quality`."""
    folders = ("--warehouse", str(finished.folder), "--site", str(tmp_path / "site"))
    assert pages.main(["report", *folders]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"pages: {finished.db} was built by another version of this project (")
    assert '"quality.validation_results"' in err
    assert err.endswith("): make run\n")
    assert not (tmp_path / "site").exists()


def test_the_page_of_a_refused_run_lies_beside_its_report(tmp_path: Path) -> None:
    from pages.validation import main

    assert main([str(tmp_path / "validation.json")]) == 2
    (tmp_path / "validation.json").write_text(
        """{"run_id": "run-1", "as_of": "2024-01-01 00:00:00", "comparison": "none",
        "validated_at": "2024-01-02 03:04:05.678", "passed": 0, "warnings": 0, "errors": 1,
        "suites": [], "outcomes": []}"""
    )
    assert main([str(tmp_path / "validation.json")]) == 0
    assert "Refused" in (tmp_path / "validation.html").read_text()
