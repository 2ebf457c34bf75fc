"""What people do all day, in a real browser."""

import re
from typing import Protocol

import pytest
from playwright.sync_api import Page, expect

from api.testing import Deployment


class Visitor(Protocol):
    page: Page
    url: str

    def open(self, path: str) -> None: ...

    def log_in(self, username: str, password: str) -> None: ...


def test_lead_goes_from_the_queue_to_a_win(visitor: Visitor, deployment: Deployment) -> None:
    page = visitor.page
    visitor.log_in("mrr1", deployment.password)
    expect(page.get_by_role("heading", name="Inbound queue")).to_be_visible()
    page.get_by_role("button", name="Claim the next lead").click()
    expect(page.get_by_role("status")).to_contain_text("It is yours now")
    name = page.get_by_role("heading", level=1).inner_text()

    page.get_by_text("Qualified: hand off").click()
    page.locator("select[name=authority]").select_option("yes")
    page.locator("input[name=authority_text]").fill("signs up to 50 k")
    page.locator("select[name=handed_to]").select_option("ae1")
    page.get_by_role("button", name="Hand off").click()
    expect(page.get_by_role("status")).to_contain_text("Handed off")
    page.get_by_role("button", name="Log out").click()

    visitor.log_in("ae1", deployment.password)
    deal = page.get_by_role("article").filter(has_text=name)
    expect(deal).to_contain_text("signs up to 50 k")
    deal.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("status")).to_contain_text("Accepted")
    deal.get_by_text("Won", exact=True).click()
    deal.get_by_label("Amount in US dollars").fill("24000")
    deal.get_by_role("button", name="Close as won").click()
    expect(page.get_by_role("status")).to_contain_text("Congratulations")
    page.get_by_role("link", name="Finished").click()
    expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("won")


def test_form_of_a_visitor_reaches_the_queue(visitor: Visitor, deployment: Deployment) -> None:
    page = visitor.page
    visitor.open(f"/demo/form?key={deployment.own_form_key}")
    page.get_by_label("Name", exact=True).fill("Vera Visitor")
    page.get_by_label("Work e-mail").fill("vera@werft.example")
    page.get_by_label("Company", exact=True).fill("Werft AG")
    page.get_by_label("People in your company").fill("2000")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    page.get_by_role("link", name="Send another").click()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    visitor.log_in("mrr1", deployment.password)
    expect(page.get_by_role("link", name="Vera Visitor").first).to_be_visible()


@pytest.mark.parametrize("path", ["/queue/mrr", "/login", "/demo/form", "/thanks"])
def test_page_fits_a_phone_and_can_be_read_aloud(
    script_visitor: Visitor, deployment: Deployment, path: str
) -> None:
    page = script_visitor.page
    script_visitor.log_in("mrr1", deployment.password)

    script_visitor.open(path)

    assert_fits_and_is_labelled(page)


def test_lead_page_fits_a_phone_and_can_be_read_aloud(
    script_visitor: Visitor, deployment: Deployment
) -> None:
    page = script_visitor.page
    script_visitor.log_in("mrr1", deployment.password)
    page.get_by_role("button", name="Claim the next lead").click()
    for summary in page.locator("summary").all():
        summary.click()

        assert_fits_and_is_labelled(page)
    page.get_by_role("button", name="Give back").click()


def assert_fits_and_is_labelled(page: Page) -> None:
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert overflow <= 0
    assert page.locator("h1").count() == 1
    unnamed = page.evaluate(
        """[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
           .filter(field => field.labels.length === 0).map(field => field.name)"""
    )
    assert unnamed == []
    small = page.evaluate(
        """[...document.querySelectorAll('button, .button, summary, nav a')]
           .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44)
           .map(e => e.textContent.trim())"""
    )
    assert small == []


def test_keys_move_through_the_list_and_can_be_switched_off(
    script_visitor: Visitor, deployment: Deployment
) -> None:
    page = script_visitor.page
    page.set_viewport_size({"width": 1280, "height": 800})
    script_visitor.log_in("mrr1", deployment.password)
    page.wait_for_load_state("networkidle")
    links = page.locator(".leads h3 a")
    expect(page.get_by_role("button", name="Switch them off")).to_be_visible()

    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    page.get_by_role("button", name="Switch them off").click()
    page.keyboard.press("j")
    expect(page.get_by_role("button", name="Switch them on")).to_be_focused()


def test_first_tab_skips_to_the_content(script_visitor: Visitor, deployment: Deployment) -> None:
    page = script_visitor.page
    script_visitor.log_in("mrr1", deployment.password)
    # A key pressed while the page is still coming would go to the page before it.
    expect(page.get_by_role("heading", name="Inbound queue")).to_be_visible()
    page.wait_for_load_state("networkidle")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("#main$"))


def test_documentation_runs_under_the_content_policy(script_visitor: Visitor) -> None:
    script_visitor.open("/docs")

    expect(script_visitor.page.locator(".opblock").first).to_be_visible()
