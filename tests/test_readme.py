"""README's example is run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_the_notebook_example_runs_as_it_stands_and_finds_what_the_text_promises(tmp_path: Path) -> None:
    (example,) = python_blocks()
    assert len([line for line in example.splitlines() if line.strip()]) <= 11
    (tmp_path / "example.py").write_text(f"{example}\nlab.close()\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "example.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^en-GB-RyanNeural +answered +\d+ +150 ", done.stdout, re.MULTILINE)
    assert re.search(r"150 and 150 resolved calls|of 150 and Ryan in", done.stdout.replace("\n", " "))


def test_every_file_that_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


def test_every_setting_that_readme_names_exists() -> None:
    from imilab.config import Settings

    named = set(re.findall(r"IMILAB_([A-Z_]+)", README.read_text(encoding="utf-8")))
    assert {name.lower() for name in named} <= set(Settings.model_fields)
