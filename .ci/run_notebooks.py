"""Run notebooks from top to bottom, each in an empty folder, and check that they are stored without results.

Usage: ``python .ci/run_notebooks.py [NOTEBOOK ...]``, by default every ``notebooks/*.ipynb``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError

__all__ = ["leftovers", "main", "run"]

CELL_TIMEOUT_SECONDS = 300
ROOT = Path(__file__).resolve().parent.parent


def leftovers(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what a stored notebook keeps of an earlier run, one sentence each."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.get("outputs"):
            found.append(f"cell {number} is stored with outputs")
        if cell.get("execution_count") is not None:
            found.append(f"cell {number} is stored with an execution count")
    if "widgets" in notebook.metadata:
        found.append("the state of widgets is stored in its metadata")
    return found


def run(path: Path, folder: Path) -> list[str]:
    """Execute the notebook at `path` in `folder`, write the result there, and return what is wrong, one text each."""
    notebook = nbformat.read(path, as_version=4)
    problems = leftovers(notebook)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # a kernel on loopback warns of missing encryption
    )
    try:
        client.execute()
    except (CellControlSignal, DeadKernelError) as error:
        problems.append(str(error))
    nbformat.write(notebook, folder / path.name)
    return problems


def main(names: list[str]) -> int:
    """Run every named notebook; return 1 where one fails or none is there."""
    paths = [Path(name).resolve() for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    failed = not paths
    if failed:
        sys.stdout.write("no notebook found in notebooks/\n")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            os.environ[variable] = str(Path(temporary, variable))  # a kernel of the user's own must not stand in
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
        for path in paths:
            folder = Path(temporary, path.stem)
            folder.mkdir()
            start = time.monotonic()
            problems = run(path, folder)
            state = "FAILED" if problems else "passed"
            sys.stdout.write(f"{path.name}: {state} in {time.monotonic() - start:.1f} s\n")
            sys.stdout.writelines(f"    {problem}\n" for problem in problems)
            sys.stdout.flush()
            failed = failed or bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
