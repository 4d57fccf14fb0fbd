"""Receipts in a real browser: commits by branch and pull request, what is in none, and those of one session."""

import os
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from hookspan.wire import encode
from hookspan.wire.facts import LinesStayed
from tests.store.worked import SECOND, Machine
from tests.web.browser import Visitor, resize, sideways, violations
from tests.web.site import Site

pytestmark = pytest.mark.need_chromium


def work(folder: Path) -> Machine:
    """Two sessions: one amends its commit and makes a pull request, one picks that commit for another branch."""
    machine = Machine(folder, time.time_ns() // SECOND * SECOND - 3600 * SECOND)
    shop = machine.shop
    machine.git(shop, "branch", "fix")
    machine.commit_a_file(shop)
    machine.git(shop, "switch", "-q", "fix")
    machine.call(1, shop, 20_000_000)
    machine.use(1, "Bash", lambda: machine.commit_a_file(shop))
    machine.call(1, shop, 300_000_000)
    machine.use(1, "Bash", lambda: machine.commit_a_file(shop, "--amend"))
    machine.use(1, "Bash", pull_request=42)
    machine.call(1, shop, 50_000_000)
    fixed = machine.head(shop)
    machine.git(shop, "switch", "-q", "main")
    machine.call(2, shop, 4_000_000)
    machine.use(2, "Bash", lambda: machine.git(shop, "cherry-pick", fixed) and machine.head(shop))
    machine.git(shop, "switch", "-q", "fix")
    os.utime(shop / ".git" / "HEAD", ns=(0, 0))  # as if it had been checked out before
    machine.end(hidden=600_000)
    counted = {"at": machine.now, "made": machine.now, "repository": str(shop / ".git"), "sha": fixed, "branch": "main"}
    for days, stayed in ((1, 1234), (7, 987)):
        machine.lines.append(encode(LinesStayed(**counted, key=f"{days}", days=days, written=1250, stayed=stayed)))
    return machine


def test_receipts_by_branch(site: Site, visitor: Visitor, tmp_path: Path) -> None:
    machine = work(tmp_path / "work")
    site.append(*machine.lines)
    page = visitor.visit(site, "/receipts")
    fix = page.get_by_role("region", name="shop, fix")
    expect(fix).to_contain_text("#42, ")
    expect(fix.get_by_role("row", name="in place of")).to_contain_text("$0.32")
    expect(fix.get_by_role("row", name="in place of")).to_contain_text("after 7 days: 987 of 1,250 (main)")
    expect(fix).to_contain_text("After 7 days 987 of 1,250 lines of 1 commit stayed")
    expect(fix.get_by_role("row", name="No commit")).to_contain_text("$0.05")
    picked = page.get_by_role("region", name="shop, main").get_by_role("row", name="picked from")
    expect(picked).to_contain_text("$0.004")
    assert violations(page) == []
    if folder := os.environ.get("PICTURES"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=f"{folder}/receipts-{scheme}.png", full_page=True)
    found = site.get("/receipts")
    spent = [branch["total"]["cost"] for branch in found["branches"]]
    assert sum(spent) == pytest.approx(found["total"]["cost"])
    assert round(found["total"]["cost"] * 1e9) == sum(session.total for session in machine.sessions.values())

    second = machine.sessions[2].id
    visitor.go(page, f"{site.url}/sessions/{second}")
    page.get_by_role("link", name="Commits that it worked for").click()
    expect(page.get_by_role("row", name="picked from")).to_be_visible()
    expect(page.get_by_role("row", name="in place of")).to_have_count(0)
    visitor.go(page, f"{site.url}/receipts?project=another")
    expect(page.get_by_text("No work went into a commit in this time.")).to_be_visible()
    assert violations(page) == []
    visitor.go(page, f"{site.url}/receipts")
    page.get_by_role("row", name="in place of").wait_for()
    for width in (360, 320):
        resize(page, width, 800)
        assert sideways(page) == []
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=f"{folder}/receipts-{width}.png", full_page=True)
