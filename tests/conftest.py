"""What holds for every test."""

from __future__ import annotations

import signal

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright keeps an event loop in the main thread, in which no other could run."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_configure() -> None:
    """Let Ctrl-C reach the tests that press it: a job that a shell started in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
