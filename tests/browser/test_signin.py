"""Sign in, reload, switch the language, sign out: as a person does, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Site, settle, sign_in

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "language, sign_in_text, sign_out_text", [("zh-CN", "登录", "退出登录"), ("en-GB", "Sign in", "Sign out")]
)
def test_sign_in_reload_sign_out(
    site: Site,
    open_context: Callable[..., BrowserContext],
    shoot: Callable[[Page, str], Path],
    language: str,
    sign_in_text: str,
    sign_out_text: str,
) -> None:
    context = open_context(language=language)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: (
            problems.append(request.url)
            if not request.url.startswith((site.url, "blob:", "data:", site.url.replace("http", "ws")))
            else None
        ),
    )
    page.goto(site.url + "/inspect")  # a stranger who follows a shared link …
    expect(page.locator("h1")).to_have_text(sign_in_text)
    shoot(page, f"login-{language}")
    page.fill("#login", "lead")
    page.fill("#password", "wrong password")
    page.click("button[type=submit]")
    expect(page.locator(".error")).to_be_visible()
    shoot(page, f"login-wrong-{language}")
    problems.clear()  # the browser reports the refused form itself
    sign_in(page, site, "lead")
    settle(page)
    shoot(page, f"home-lead-{language}")
    assert "spotcheck" not in page.evaluate("document.cookie")
    page.reload()
    settle(page)
    expect(page.locator(".st-key-account_menu")).to_be_visible()
    page.locator(".st-key-account_menu button").first.click()
    page.get_by_role("button", name=sign_out_text).click()
    expect(page.locator("h1")).to_have_text(sign_in_text)
    assert [cookie for cookie in context.cookies() if cookie["name"] == "spotcheck"] == []
    page.goto(site.url)
    expect(page.locator("h1")).to_have_text(sign_in_text)
    assert problems == []
