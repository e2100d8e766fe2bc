"""Runs the command line as a user does: in a process and a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["imilab", "service"]


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IMILAB_")}
    return {**kept, "PYTHONUNBUFFERED": "1", "COLUMNS": "140", "NO_COLOR": "1", **settings}


def imilab(*words: str, folder: Path, timeout: float = 120, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "imilab", *words],
        cwd=folder,
        env=clean_environment(settings),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def service(*words: str, folder: Path, **settings: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a serving command, give its URL, and end it by Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "imilab", *words, "--port", "0"],
        cwd=folder,
        env=clean_environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://[\d.:]+(/\w+)?", line)
        assert found, line
        yield found[0], process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()
