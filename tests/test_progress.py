from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import types

import IPython
import nbformat
import pytest
from nbclient import NotebookClient

from imilab.progress import Speed, _Throttled, make_progress

CAMPAIGN = "[/lunch] {x} 100 %"
SHOW = f"""
import time
from imilab.progress import Speed, _Throttled, make_progress
with make_progress({CAMPAIGN!r}, 12, show=SHOW) as bar:
    for done in range(1, 11):
        bar.update({{"accepted": done, "not_placed": 0, "rejected": 2 if done == 10 else 0}})
        time.sleep(0.01)
"""


def run_in_terminal(show: str) -> str:
    """What a program writes whose error stream is a terminal."""
    ours, theirs = pty.openpty()
    program = SHOW.replace("show=SHOW", f"show={show}")
    command, terminal = [sys.executable, "-c", program], os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=terminal) as run:
        os.close(theirs)
        written = b""
        with contextlib.suppress(OSError):  # Linux's way of saying that the other end is closed
            while part := os.read(ours, 65536):
                written += part
        assert run.stdout is not None
        assert run.stdout.read() == b""
    os.close(ours)
    assert run.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode())


@pytest.mark.parametrize("show", ["None", "True"])
def test_a_terminal_shows_a_bar_with_counts_and_the_campaigns_name_as_it_is(show: str):
    written = run_in_terminal(show)

    assert CAMPAIGN in written
    assert "━" in written
    assert written.rstrip().splitlines()[-1].rstrip(" 0:-").endswith("12 of 12: 10 accepted, 2 rejected")
    assert "not placed" not in written


def test_a_terminal_shows_nothing_where_none_is_wanted():
    assert run_in_terminal("False") == ""


def test_a_pipe_gets_nothing():
    program = SHOW.replace("show=SHOW", "show=None")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert (done.stdout, done.stderr) == (b"", b"")


def test_nothing_to_do_shows_nothing(capsys: pytest.CaptureFixture[str]):
    with make_progress("lunch", 0, show=True) as bar:
        bar.update({})

    assert capsys.readouterr() == ("", "")


def test_a_shell_with_a_kernel_gets_a_widget_and_a_text_beside_it(monkeypatch: pytest.MonkeyPatch):
    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: types.SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", shown.append)
    with make_progress("lunch", 3) as bar:
        (box,) = shown
        progress, text = box.children
        assert (progress.value, progress.max, text.value) == (0, 3, "lunch: 0 of 3")
        bar.update({"accepted": 1})
        assert (progress.value, text.value) == (1, "lunch: 1 of 3: 1 accepted")
        bar.update({"accepted": 1, "unknown": 2})

    assert (progress.value, text.value) == (3, "lunch: 3 of 3: 1 accepted, 2 unknown")


def test_a_shell_without_a_kernel_is_a_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(IPython, "get_ipython", types.SimpleNamespace)
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    with make_progress("lunch", 3) as bar:
        bar.update({"accepted": 3})
    assert written.getvalue() == ""
    with make_progress("lunch", 3, show=True) as bar:
        bar.update({"accepted": 3})

    assert "lunch" in written.getvalue()
    assert "3 of 3: 3 accepted" in written.getvalue()


NOTEBOOK = """
import imilab
from ipywidgets.widgets.widget import _instances
from ipywidgets import IntProgress, Label

people = [f"+12025550{number}" for number in range(100, 160)]
with imilab.Lab.simulated(time_scale=3000, loss_share=1.0) as lab:
    summary = lab.send(lab.plan(people, {"ryan": imilab.Voice("en-GB-RyanNeural")}, "Lunch", campaign="lunch"))
    lab.reconcile()
bars = [(bar.value, bar.max) for bar in _instances.values() if isinstance(bar, IntProgress)]
print(bars, [label.value for label in _instances.values() if isinstance(label, Label)])
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter client's own
def test_a_real_kernel_shows_bars_that_end_full_and_hold_no_number():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    (printed,) = [output["text"] for output in outputs if output["output_type"] == "stream"]
    widgets = [output for output in outputs if output["output_type"] == "display_data"]

    assert len(widgets) == 2
    assert all("application/vnd.jupyter.widget-view+json" in widget["data"] for widget in widgets)
    assert "lunch: 60 of 60" in printed
    assert "asking: 60 of 60: 60 asked" in printed
    assert printed.startswith("[(60, 60), (60, 60)]")
    saved = str(notebook.cells[0].outputs) + str(notebook.metadata.get("widgets"))
    assert "2025550" not in saved  # longer than chance finds in the widgets' random ids


class Watch:
    """Real time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_speed_is_that_of_the_last_seconds():
    watch = Watch()
    speed = Speed(watch)
    done = 0
    for step in range(200):
        speed.note(done)
        assert (speed.per_second is None) == (step < 8)
        watch.now += 0.125
        done += 1 if step < 100 else 3

    assert speed.per_second == pytest.approx(24, rel=0.02)


def test_the_time_left_is_never_below_what_pace_and_pauses_allow():
    watch = Watch()
    speed = Speed(watch)
    assert speed.left_seconds(10, 5.0) is None
    for done in (0, 20, 40):
        speed.note(done)
        watch.now += 1

    assert speed.left_seconds(100, 2.0) == pytest.approx(5)
    assert speed.left_seconds(100, 60.0) == 60
    assert speed.left_seconds(0, 60.0) is None
    for _ in range(8):
        speed.note(40)
        watch.now += 1
    assert speed.per_second == 0
    assert speed.left_seconds(100, 60.0) == 60
    assert speed.left_seconds(100, None) is None


def test_a_line_tells_states_speed_what_is_under_way_and_about_how_long():
    watch = Watch()
    lines: list[str] = []

    class Lines(_Throttled):
        def _show(self, done: int, text: str) -> None:
            lines.append(text)

    bar = Lines("lunch", 1000, now=watch)
    for done in range(0, 60, 2):
        bar.update({"accepted": done, "rejected": 1}, under_way=5, at_best_seconds=10.0)
        watch.now += 0.125
    bar.update({"accepted": 60, "rejected": 1}, at_best_seconds=100.0, now="the platform asked to wait 12 s")
    bar.update({"accepted": 61, "rejected": 1})
    bar.__exit__(None, None, None)

    assert lines[0] == "1 of 1000: 1 rejected; 5 under way"
    assert lines[-3] == "59 of 1000: 58 accepted, 1 rejected; 5 under way; 16.0/s; about 58 s left"
    assert lines[-2] == "61 of 1000: 60 accepted, 1 rejected; the platform asked to wait 12 s; about 2 min left"
    assert lines[-1] == "62 of 1000: 61 accepted, 1 rejected"
