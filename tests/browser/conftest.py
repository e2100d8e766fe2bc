"""A real Chromium, and real Jupyter servers with private settings; a page that may speak to this machine only."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest

import imilab

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # every cell stays in the page
    "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},  # so that a saved notebook could tell a number
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed; make test installs it where it may")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A fresh page; afterwards no script may have failed in it and nothing may have been asked of another machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 1500}, accept_downloads=True)
    page = context.new_page()
    errors: list[str] = []
    elsewhere: list[str] = []

    def stay_here(route: Any) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in {"data", "blob"} or parts.hostname == "127.0.0.1":
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    def note_socket(opened: Any) -> None:
        if urlsplit(opened.url).hostname != "127.0.0.1":
            elsewhere.append(opened.url)

    page.on("websocket", note_socket)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("**/*", stay_here)
    page.expected_elsewhere = None
    yield page
    folder = Path(os.environ.get("IMILAB_SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / f"{request.node.name}.png", full_page=True)
    context.close()
    assert errors == []
    assert [url for url in elsewhere if not (page.expected_elsewhere and page.expected_elsewhere.match(url))] == []


@contextmanager
def serving(command: list[str], folder: Path) -> Iterator[int]:
    """Run a Jupyter server in `folder` with everything private in a hidden folder there; yields its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = folder / ".private"
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_WORKSPACES_DIR")
    private = {name: str(home / name.lower()) for name in (*names, "JUPYTERLAB_SETTINGS_DIR")}
    for name, value in SETTINGS.items():
        file = Path(private["JUPYTERLAB_SETTINGS_DIR"], f"{name}.jupyterlab-settings")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    log = home / "server.log"
    environment = {**os.environ, **private, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, f"--port={port}"],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(server, port, log)
            yield port
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                pytest.fail(f"the server did not start:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.1)
        else:
            return


class Site:
    """A Jupyter server: its folder of notebooks, and the address at which it shows one."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self._address = address

    def show(self, name: str, *cells: str, theme: str = "light") -> tuple[Path, str]:
        """Write a notebook; return its path and its address."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        path = self.folder / name
        nbformat.write(notebook, path)
        return path, self._address.format(name=name, theme=theme)


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The sample, with the file that a notebook reads it from: making it takes seconds."""
    frame = imilab.load_sample("calls")
    path = tmp_path_factory.mktemp("sample") / "calls.parquet"
    frame.to_parquet(path)
    frame.attrs["path"] = str(path)
    return frame


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """JupyterLab, without news, and with all cells of a notebook in the page."""
    _need("jupyterlab")
    token = secrets.token_hex(16)
    folder = tmp_path_factory.mktemp("jupyterlab")
    options = ["--no-browser", "--ip=127.0.0.1", "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True"]
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with serving(["jupyterlab", *options, *root, f"--IdentityProvider.token={token}"], folder) as port:
        yield Site(folder, f"http://127.0.0.1:{port}/lab/tree/{{name}}?token={token}&reset")


@pytest.fixture(scope="module")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Voila, with the theme in the address."""
    _need("voila")
    folder = tmp_path_factory.mktemp("voila")
    options = ["--no-browser", "--Voila.ip=127.0.0.1", "--VoilaConfiguration.allow_theme_override=YES"]
    with serving(["voila", *options, str(folder)], folder) as port:
        yield Site(folder, f"http://127.0.0.1:{port}/voila/render/{{name}}?theme={{theme}}")


def _need(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f'{name} is not installed; pip install "imilab[lab]"')
