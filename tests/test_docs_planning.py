"""The examples of docs/planning.md run as they stand, one after the other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from imilab.cli import app

PAGE = Path(__file__).parents[1] / "docs" / "planning.md"


def test_the_examples_run_and_show_what_the_page_promises(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "example.py").write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "example.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "books: 30 calls to 30 numbers" in done.stdout
    assert re.search(r"first_name: empty; the text needs it +10$", done.stdout, re.MULTILINE)
    assert "crossed: 6 calls sent" in done.stdout
    assert done.stdout.count("every one of 6 calls has the arm that seed 0 gives (crossover).") == 2


def test_every_option_that_the_page_names_exists() -> None:
    from typer.main import get_command

    commands = get_command(app).commands  # type: ignore[attr-defined]  # a group has commands
    known = {option for name in ("send", "status") for one in commands[name].params for option in one.opts}
    assert set(re.findall(r"--[a-z][a-z-]*", PAGE.read_text(encoding="utf-8"))) <= known
