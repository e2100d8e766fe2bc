"""The widgets in a real kernel, spoken to as a page does: messages in, messages out, no browser."""

from __future__ import annotations

import json
import os
import queue
import re
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NUMBER = "+16465550119"
QUIET = ["--log-level=ERROR"]  # a kernel on loopback warns of missing encryption

BOTH_PANELS = [
    "import imilab; lab = imilab.Lab.simulated(seed=7, time_scale=600)",
    "form = imilab.widgets.CallForm(lab, text='Time for lunch'); form",
    "form.controls.number.value = '+1646' + '5550119'; form.controls.send.click(); form.wait(30)",
    "explorer = imilab.widgets.Explorer(lab.calls()); explorer",
    "explorer.state.summary",
    "lab.close()",
]


class Kernel:
    """A running kernel and the state of its widgets, as a page keeps it."""

    def __init__(self, client):
        self.client = client
        self.widgets = {}
        self.told = []

    def run(self, code):
        request = self.client.execute(code)
        self.listen(lambda: self.told[-1:] == [("idle", request)], 60)

    def find(self, **wanted):
        (name,) = [
            name
            for name, state in self.widgets.items()
            if all(re.search(pattern, str(state.get(key))) for key, pattern in wanted.items())
        ]
        return name

    def send(self, widget, **data):
        message = self.client.session.msg("comm_msg", {"comm_id": widget, "data": data})
        self.client.shell_channel.send(message)

    def listen(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "the kernel did not answer in time"
            try:
                self._note(self.client.get_iopub_msg(timeout=0.2))
            except queue.Empty:
                continue

    def _note(self, message):
        content = message["content"]
        data = content.get("data", {})
        if message["msg_type"] == "comm_open":
            self.widgets[content["comm_id"]] = dict(data["state"])
        elif message["msg_type"] == "comm_msg" and data["method"] == "update":
            self.widgets[content["comm_id"]].update(data["state"])
        elif message["msg_type"] == "error":
            raise AssertionError(content["evalue"])
        self.told.append((content.get("execution_state"), message["parent_header"].get("msg_id")))


@pytest.fixture
def kernel(tmp_path):
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(extra_arguments=QUIET, cwd=str(tmp_path), env={**os.environ, "PYTHONPATH": str(ROOT)})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_page_sees_the_events_of_its_call_while_the_kernel_is_idle_and_never_keeps_the_number(kernel):
    kernel.run("import imilab; lab = imilab.Lab.simulated(seed=7); imilab.widgets.CallForm(lab, text='Hello')")
    number, send = kernel.find(description="^Number"), kernel.find(description="^Send call")
    status = kernel.find(_dom_classes="imilab-call-status")

    kernel.send(number, method="update", state={"value": NUMBER}, buffer_paths=[])
    kernel.listen(lambda: kernel.widgets[number]["value"] == "+1•••••119")
    kernel.send(send, method="custom", content={"event": "click"})
    kernel.listen(lambda: "The platform ended the call" in kernel.widgets[status]["value"])

    assert kernel.widgets[number]["value"] == ""
    kernel.listen(lambda: kernel.widgets[send]["disabled"] is False)
    assert NUMBER[1:] not in json.dumps(kernel.widgets)


def test_a_page_that_changes_an_explorer_gets_chart_and_table_anew(kernel):
    kernel.run(
        "import imilab, pandas\n"
        "calls = pandas.DataFrame({'voice': ['a', 'b', 'b'], 'outcome': ['answered', 'answered', 'busy']})\n"
        "imilab.widgets.Explorer(calls)"
    )
    grouping = kernel.find(description="^Group by")
    place = kernel.widgets[grouping]["_options_labels"].index("Voice")

    kernel.send(grouping, method="update", state={"index": place}, buffer_paths=[])
    kernel.listen(
        lambda: any("became of the calls by voice" in str(one.get("value")) for one in kernel.widgets.values())
    )


def test_a_notebook_with_both_panels_runs_and_keeps_no_number_in_its_saved_widgets(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in BOTH_PANELS]
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}},
        extra_arguments=QUIET,
    )  # fmt: skip
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})

    outputs = [cell.outputs[0]["data"] for cell in notebook.cells[1:5]]
    assert ["application/vnd.jupyter.widget-view+json" in data for data in outputs] == [True, False, True, False]
    assert [outputs[1]["text/plain"], outputs[3]["text/plain"]] == ["True", "'1 of 1 calls shown'"]
    saved = json.dumps(notebook.metadata["widgets"], ensure_ascii=False)
    assert "Answered after ringing" in saved
    assert "+1•••••119" in saved
    assert NUMBER[1:] not in saved
