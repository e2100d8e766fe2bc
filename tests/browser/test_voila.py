from __future__ import annotations

import re

import pandas as pd
import pytest

pytestmark = pytest.mark.browser

EXPLORER = "import imilab, pandas\nimilab.widgets.Explorer(pandas.read_parquet({path!r}), tz='Europe/London')"
FORM = "imilab.widgets.CallForm(imilab.Lab.simulated(seed=7), text='Time for lunch')"
ICONS_OF_VOILA = re.compile(r"https://cdn\.jsdelivr\.net/npm/@fortawesome/fontawesome-free@")


@pytest.fixture
def page(page):
    page.expected_elsewhere = ICONS_OF_VOILA  # its template links them, whatever a notebook shows
    return page


def choose(page, label, *options):
    """Choose by the beginning of an option's words; its count follows."""
    field = page.get_by_label(label, exact=True)
    every = field.locator("option").all_inner_texts()
    field.select_option([words for words in every if words.startswith(options)])


def test_rows_chosen_in_voila_are_the_rows_downloaded(page, voila, calls, tmp_path):
    from playwright.sync_api import expect

    page.goto(voila.show("explorer.ipynb", EXPLORER.format(**calls.attrs))[1])
    shown = page.locator(".imilab-shown")
    expect(shown).to_have_text(f"{len(calls):,} of {len(calls):,} calls shown", timeout=60_000)

    choose(page, "Group by", "Voice")
    choose(page, "Show rate of", "Answered")
    choose(page, "Outcome", "answered", "busy")
    choose(page, "Country", "US")
    page.get_by_label("From day", exact=True).fill("2026-03-20")
    page.get_by_label("From day", exact=True).press("Tab")
    day = calls["requested_at"].dt.tz_convert("Europe/London").dt.strftime("%Y-%m-%d")
    wanted = calls[calls["outcome"].isin(["answered", "busy"]) & (calls["country"] == "US") & (day >= "2026-03-20")]
    assert 100 < len(wanted) < 1000
    expect(shown).to_have_text(f"{len(wanted):,} of {len(calls):,} calls shown")
    chart = page.get_by_role("img", name=re.compile("^Answered: rate by voice"))
    expect(chart).to_be_visible()
    assert chart.evaluate("image => image.complete && image.naturalWidth > 400")
    row = page.get_by_role("region", name="Table of rates").get_by_role("row", name=re.compile("en-GB-RyanNeural"))
    ryan = wanted[wanted["voice"] == "en-GB-RyanNeural"]
    expect(row.get_by_role("cell").nth(2)).to_have_text(str((ryan["outcome"] == "answered").sum()))

    page.get_by_role("button", name="Prepare download").click()
    with page.expect_download(timeout=30_000) as waiting:
        page.get_by_role("link", name=f"Download {len(wanted):,} rows as CSV").click()
    assert waiting.value.suggested_filename == "imilab-calls.csv"
    waiting.value.save_as(tmp_path / "calls.csv")
    rows = pd.read_csv(tmp_path / "calls.csv", encoding="utf-8-sig")
    assert list(rows) == list(calls)
    assert rows["call_id"].to_list() == wanted["call_id"].to_list()
    assert rows["outcome"].to_list() == wanted["outcome"].to_list()
    assert rows["msisdn"].str.fullmatch(r"'\+1•{5}\d{3}").all()

    page.get_by_role("button", name="Clear filters").click()
    expect(shown).to_have_text(f"{len(calls):,} of {len(calls):,} calls shown")
    expect(page.get_by_role("link", name=re.compile("^Download"))).to_have_count(0)


def test_a_dark_page_shows_the_dark_chart_and_places_calls(page, voila, calls):
    from playwright.sync_api import expect

    page.goto(voila.show("both.ipynb", EXPLORER.format(**calls.attrs), FORM, theme="dark")[1])
    expect(page.locator(".imilab-dark img")).to_be_visible(timeout=60_000)
    expect(page.locator(".imilab-light img")).to_be_hidden()

    page.get_by_label("Number to call").fill("+16465550102")
    page.get_by_role("button", name="Send call").click()
    expect(page.locator(".imilab-call-outcome")).to_have_text(
        re.compile("^Busy: the call was not answered"), timeout=30_000
    )
