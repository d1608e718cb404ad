"""The page /docs in a real browser that reaches nothing but the service."""

import shutil
from typing import Any

import pytest

from tests.ml.serving.http.conftest import Shop
from tests.ml.serving.http.servers import running

CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(not CHROMIUM, reason="needs chromium, which .ci/run installs")
def test_the_documentation_works_without_a_network(shop: Shop) -> None:
    from playwright.sync_api import sync_playwright

    number = next(iter(shop.batch("project_success")))
    with running(shop.folder) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        own = f"http://127.0.0.1:{server.port}/"
        outside: list[str] = []
        errors: list[str] = []

        def guard(route: Any) -> None:
            if route.request.url.startswith((own, "data:")):
                route.continue_()
            else:
                outside.append(route.request.url)
                route.abort()

        page.route("**/*", guard)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(f"{own}docs")
        question = page.locator("#operations-projects-project_success")
        question.click()
        question.get_by_role("button", name="Try it out").click()
        question.locator("input[placeholder='project_id']").fill(str(number))
        question.get_by_role("button", name="Execute").click()
        answer = question.locator(".live-responses-table")
        answer.get_by_text("predicted_probability").wait_for()
        assert page.get_by_text("/v1/milestones/{milestone_id}/risk").is_visible()
        assert (outside, errors) == ([], [])
        browser.close()
    assert [each and each.entity_id for each in shop.logged()] == [number]
