from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import imilab

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / ".ci" / "requirements"
# In two parts, or this file would be the one that names them.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("anaconda", "org"),
        ("crates", "io"),
    )
)


def tracked_files() -> list[Path]:
    """Every file that is or would be committed; without git, every file outside .venv and of no cache."""
    git = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if git.returncode == 0:
        paths = [ROOT / name for name in git.stdout.decode().split("\0") if name]
    else:
        written = {".venv", ".git", "dist", "demo-output", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
        paths = [path for path in ROOT.rglob("*") if not written.intersection(path.relative_to(ROOT).parts)]
    return sorted(path for path in paths if path.is_file())


def relative(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def pins(name: str) -> dict[str, set[str]]:
    """Return each package of a lock with its versions: several where Python's version or the platform decides."""
    found: dict[str, set[str]] = {}
    for line in (LOCKS / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.rstrip("\\ "))
            found.setdefault(canonicalize_name(requirement.name), set()).update(
                pin.version for pin in requirement.specifier
            )
    return found


def module_files() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".py" and path.is_relative_to(ROOT / "imilab")]


def import_contract(name: str) -> dict[str, list[str]]:
    """Return one contract of .importlinter: the lines of each option."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    return {option: value.split("\n")[1:] for option, value in parser[f"importlinter:contract:{name}"].items()}


def half(first: str, last: str) -> set[str]:
    """Return the existing modules that the layers from `first` to `last` name."""
    layers = import_contract("layers")["layers"]
    names = re.findall(r"\w+", " ".join(layers[layers.index(first) : layers.index(last) + 1]))
    existing = {path.stem for path in (ROOT / "imilab").iterdir()}
    return {f"imilab.{name}" for name in names if name in existing}


def test_no_lock_that_carries_registry_addresses_is_tracked():
    assert not [
        path for path in relative(tracked_files()) if Path(path).name in {"uv.lock", "poetry.lock", "package-lock.json"}
    ]


def test_no_tracked_file_names_the_host_of_a_package_registry():
    hosts = re.compile("|".join(map(re.escape, REGISTRY_HOSTS)).encode(), re.IGNORECASE)

    assert relative([path for path in tracked_files() if hosts.search(path.read_bytes())]) == []


@pytest.mark.parametrize("name", ["uv.txt", "base.txt", "dev.txt"])
def test_every_locked_package_has_one_exact_version_and_a_hash(name):
    text = (LOCKS / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[^\s#])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))

    assert sum(len(found) for found in pins(name).values()) == len(blocks) > 0
    assert [
        block.splitlines()[0]
        for block in blocks
        if not re.match(r"\S+==\S+[^\n]*\\\n +--hash=sha256:[0-9a-f]{64}", block)
    ] == []


@pytest.mark.parametrize("name", ["uv.txt", "base.txt"])
def test_the_locks_agree_on_every_version(name):
    dev = pins("dev.txt")

    assert {package for package, found in pins(name).items() if dev.get(package) != found} == set()


def test_the_locks_cover_what_the_project_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = {"base.txt": project["project"]["dependencies"], "dev.txt": list(project["dependency-groups"]["dev"])}
    for extra in project["project"]["optional-dependencies"].values():
        declared["dev.txt"] += extra
    missing = []
    for name, requirements in declared.items():
        locked = pins(name)
        for wanted in map(Requirement, requirements):
            versions = locked.get(canonicalize_name(wanted.name), set())
            if not versions or not all(wanted.specifier.contains(version, prereleases=True) for version in versions):
                missing.append(f"{wanted} in {name}; run `make lock`")

    assert missing == []


def test_every_decision_record_gives_context_decision_and_consequences():
    folder = ROOT / "docs" / "decisions"
    records = sorted(folder.glob("[0-9]*.md"))
    sections = {path.name: re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE) for path in records}

    assert [name[:4] for name in sections] == [f"{number:04}" for number in range(1, len(records) + 1)]
    assert {name: found for name, found in sections.items() if found != ["Context", "Decision", "Consequences"]} == {}


def test_the_index_of_decisions_lists_every_record_under_its_title():
    folder = ROOT / "docs" / "decisions"
    index = dict(
        re.findall(
            r"^\| \[\d{4}\]\((\S+)\) \| (.+) \|$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    titles = {}
    for path in folder.glob("[0-9]*.md"):
        titles[path.name] = path.read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {path.name[:4]}. ")

    assert {name: title.replace("`", "") for name, title in index.items()} == titles


def test_importing_imilab_loads_nothing_heavy():
    heavy = ("pandas", "matplotlib", "scipy", "duckdb", "httpx")
    program = f"import sys, imilab; print([name for name in {heavy!r} if name in sys.modules], imilab.__file__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"[] {ROOT / 'imilab' / '__init__.py'}\n"


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert newest
    assert imilab.__version__ == project["version"] == newest[1]


def test_every_module_says_what_it_offers():
    def names(path):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            yield from (target.id for target in targets if isinstance(target, ast.Name))

    modules = module_files()
    assert modules
    assert relative([path for path in modules if "__all__" not in names(path)]) == []


def test_no_python_file_is_longer_than_300_lines():
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in tracked_files() if path.suffix == ".py"
    }

    assert relative([path for path, length in lengths.items() if length > 300]) == []


def test_no_file_is_a_drawer_for_everything():
    drawers = {"util", "utils", "common", "commons", "helper", "helpers", "misc"}

    assert [path for path in relative(tracked_files()) if drawers.intersection(re.split(r"[/.]", path.lower()))] == []


def test_notebooks_are_stored_without_outputs():
    stored = []
    for path in tracked_files():
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            stored += [path.name for cell in cells if cell.get("outputs") or cell.get("execution_count") is not None]

    assert stored == []


def test_the_contracts_on_the_halves_name_every_module_of_a_half():
    reading, sending = half("widgets", "metrics | intervals"), half("send", "serving")
    assert reading
    assert sending

    for name, source, forbidden in (
        ("reading-knows-no-sending", reading, sending),
        ("sending-knows-no-reading", sending, reading),
    ):
        contract = import_contract(name)
        assert source - set(contract["source_modules"]) == set()
        assert forbidden - set(contract["forbidden_modules"]) == set()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_command_in_the_documents_exists(document):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b(?=[ `\n])", (ROOT / document).read_text(encoding="utf-8")))

    assert named
    assert named - targets == set()


def test_every_command_with_a_description_is_in_the_contributors_table():
    described = set(re.findall(r"^([a-z-]+):[^\n]*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

    assert {name for name in described - {"help", "setup"} if f"`make {name}`" not in text} == set()
