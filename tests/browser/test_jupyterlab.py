from __future__ import annotations

import json
import re

import pandas as pd
import pytest

pytestmark = pytest.mark.browser

ANSWERS = "+16465550119"
FORM = "import imilab\nimilab.widgets.CallForm(imilab.Lab.simulated(seed=7))"
EXPLORER = "import imilab, pandas\nimilab.widgets.Explorer(pandas.read_parquet({path!r}))"
SENDING = """
import imilab, threading
lab = imilab.Lab.simulated(seed=7, time_scale=1)
numbers = [f"+1202555{line:04d}" for line in range(100, 200)]
plan = lab.plan(numbers, arms={"ryan": imilab.Voice("en-GB-RyanNeural")}, text="Time for lunch", seed=1)
threading.Thread(target=lab.send, args=(plan,), kwargs={"calls_per_second": 5}).start()
"""
KERNEL_IS_IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext, kernel = context?.session?.kernel;
    return !!context?.isReady && kernel?.connectionStatus === 'connected' && kernel?.status === 'idle';
}"""


def run(page, jupyterlab, name, *cells):
    """Open a new notebook, run it, and return its path and its panel."""
    path, address = jupyterlab.show(name, *cells)
    page.goto(address)
    page.wait_for_function(KERNEL_IS_IDLE, timeout=60_000)
    # Not awaited: the command has no timeout of its own; the page shows when it is done.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    return path, page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")


def saved(page, path):
    """Save the notebook and return what is in its file, the state of its widgets included."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    text = path.read_text(encoding="utf-8")
    assert json.loads(text)["metadata"]["widgets"]
    return text


def test_a_call_placed_in_jupyterlab_is_seen_answered_and_its_number_is_not_saved(page, jupyterlab):
    from playwright.sync_api import expect

    path, form = run(page, jupyterlab, "form.ipynb", FORM)
    send = form.get_by_role("button", name="Send call")
    expect(send).to_be_visible(timeout=60_000)

    form.get_by_label("Gender", exact=True).select_option("Female")
    voice = form.get_by_label("Voice", exact=True)
    expect(voice.locator("option", has_text="RyanNeural")).to_have_count(0)
    voice.select_option("SoniaNeural · Female")
    form.get_by_label("Text", exact=True).fill("Time for lunch \N{PARTY POPPER}")
    expect(form.locator(".imilab-call-counter")).to_have_text("17 of 2000 characters")
    number = form.get_by_label("Number to call")
    number.fill(ANSWERS)
    form.get_by_role("button", name="Dry run").click()
    request = json.loads(form.locator(".imilab-json").inner_text())
    assert request["to"][0]["msisdn"] == ["+1•••••119"]
    assert request["content"]["voice"] == "SoniaNeural"
    expect(number).to_have_value("+1•••••119")
    assert ANSWERS[1:] not in saved(page, path)

    send.click()
    expect(form.locator(".imilab-call-outcome")).to_have_text(
        re.compile(r"Answered after ringing .* s\. The platform ended the call"), timeout=30_000
    )
    events = form.locator(".imilab-events tbody tr")
    expect(events).to_have_count(4)
    expect(events.nth(2)).to_have_text(re.compile(r"^\+\d+\.\d s\s*Answered"))
    expect(send).to_be_enabled()
    expect(number).to_have_value("")
    expect(form.get_by_label("Text", exact=True)).to_have_value("Time for lunch \N{PARTY POPPER}")
    text = saved(page, path)
    assert "Answered after ringing" in text
    assert ANSWERS[1:] not in text


def test_the_stop_button_of_a_send_in_jupyterlab_starts_no_further_call(page, jupyterlab):
    from playwright.sync_api import expect

    _, panel = run(page, jupyterlab, "sending.ipynb", SENDING)
    stop = panel.get_by_role("button", name="Stop")
    status = panel.get_by_text(re.compile(r"plan-[0-9a-f]{8}: \d+ of 100: "))
    expect(status).to_have_text(re.compile(r"/s; about .* left"), timeout=60_000)
    stop.click()
    expect(stop).to_be_disabled()
    expect(status).to_have_text(re.compile(r": (\d+) of 100: \1 accepted$"), timeout=10_000)
    told = status.inner_text()
    page.wait_for_timeout(1000)
    assert status.inner_text() == told


def test_jupyterlab_downloads_the_rows_of_an_explorer(page, jupyterlab, calls, tmp_path):
    from playwright.sync_api import expect

    _, panel = run(page, jupyterlab, "explorer.ipynb", EXPLORER.format(**calls.attrs))
    wanted = calls[calls["country"] == "CA"]
    country = panel.get_by_label("Country", exact=True)
    country.select_option(f"CA ({len(wanted)})", timeout=60_000)
    expect(panel.locator(".imilab-shown")).to_have_text(f"{len(wanted)} of {len(calls):,} calls shown")
    panel.get_by_role("button", name="Prepare download").click()
    with page.expect_download(timeout=30_000) as waiting:
        panel.locator("a.imilab-download").click()
    waiting.value.save_as(tmp_path / "calls.csv")

    rows = pd.read_csv(tmp_path / "calls.csv", encoding="utf-8-sig")
    assert rows["call_id"].to_list() == wanted["call_id"].to_list()
