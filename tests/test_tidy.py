"""The house rules that a machine can check: where arrows may point, sizes, names, left-overs."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ledger", "node", "client")

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}

# The handler that answers an unknown error with a bare 500, and the writer, in which one poison
# order may not stop the rest (the batch is tried again one by one, then the order is set apart).
LAST_RESORTS = Counter({"node/http/app.py": 1, "node/writer.py": 3})

# What each folder may import besides the standard library and what is in it.
ARROWS = {
    "ledger": {"msgpack", "nacl"},
    "client": {"ledger", "aiohttp", "click", "msgpack", "nacl"},
    "node": {
        *("ledger", "aiohttp", "aiosmtplib", "asyncpg", "click", "msgpack", "nacl"),
        "prometheus_client",
        *("dateutil", "highspy", "icalendar", "pydantic", "segno", "structlog", "uvloop"),
        *("multidict", "pydantic_core"),  # the types in the signatures of aiohttp and pydantic
    },
}

# Of the standard library, what would give the pure folder a clock, a source of chance or the world.
IMPURE = {
    *("asyncio", "datetime", "logging", "multiprocessing", "os", "pathlib", "random", "secrets"),
    *("shutil", "socket", "subprocess", "tempfile", "threading", "time", "urllib", "uuid"),
}


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield (node.module or "").partition(".")[0]


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_folder_imports_only_what_its_arrows_allow(folder: str) -> None:
    allowed = ARROWS[folder] | {folder} | sys.stdlib_module_names
    if folder == "ledger":
        allowed -= IMPURE
    wrong = [
        f"{name(path)} imports {module}"
        for path in modules(folder)
        for module in sorted(set(imported(ast.parse(path.read_text()))) - allowed)
    ]
    assert wrong == []


def test_every_module_can_be_the_first_to_be_imported() -> None:
    """None needs another to have been loaded before it: none import each other."""
    names = [name(path).removesuffix(".py").replace("/", ".") for path in modules("ledger")]
    code = (
        "import importlib, sys\n"
        "for each in sys.argv[1:]:\n"
        "    for loaded in [name for name in sys.modules if name.startswith('ledger')]:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(each.removesuffix('.__init__'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name} has {lines_of(node)} lines"
        for path in modules(*PACKAGES, "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_modules_are_about_one_thing() -> None:
    """The error trees are: they are lists."""
    long = [
        f"{name(path)} has {lines} lines"
        for path in modules(*PACKAGES)
        if (lines := len(path.read_text().splitlines())) > MODULE_LINES_MAX
        and path.name != "errors.py"
    ]
    assert long == []


def test_files_are_named_for_what_is_in_them() -> None:
    named = [path for path in modules(*PACKAGES, "tests") if path.stem in SAYS_NOTHING]
    assert [name(path) for path in named] == []


def test_no_error_is_caught_that_nobody_thought_of() -> None:
    """Cleaning up and raising it again is fine."""
    broad = Counter(
        name(path)
        for path in modules(*PACKAGES, "tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or re.search(r"\b(Base)?Exception\b", ast.unparse(node.type)))
        and ast.unparse(node.body[-1]) != "raise"
    )
    assert broad - LAST_RESORTS == Counter()


def test_nothing_is_left_for_later() -> None:
    """Tests may not be switched off; the one about absent data says so where it is asked for."""
    later = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError|\b(skip|skipif|xfail)\(")
    left = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in modules(*PACKAGES, "tests")
        if path not in (Path(__file__).resolve(), ROOT / "tests/conftest.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if later.search(line)
    ]
    assert left == []


def test_nothing_names_a_machine_or_a_registry() -> None:
    place = re.compile(
        r"(?<![\w./:-])/(work|root|farm)/\w|/tmp/\w"
        r"|pythonhosted|pypi\.org|registry\.npmjs|proxy\.golang|deb\.debian"
    )
    suffixes = {".py", ".md", ".toml", ".sql", ".html", ".json", ".ts", ".lock", ".txt", ""}
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in (*PACKAGES, "tests", ".ci"):
        files += (path for path in (ROOT / folder).rglob("*") if path.is_file())
    found = [
        f"{name(path)}:{number}: {line.strip()[:100]}"
        for path in files
        if path.suffix in suffixes and path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if place.search(line)
    ]
    assert found == []


def test_the_lock_names_no_place_to_download_from_and_hashes_everything() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(pinned) > 30
    assert [each for each in pinned if "==" not in each or "--hash=sha256:" not in each] == []


def test_a_skipped_test_fails_in_ci(tmp_path: Path) -> None:
    """Both one that skips itself as it runs, and a module that does as it is imported."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_one.py").write_text("import pytest\ndef test_one(): pytest.skip('absent')\n")
    (tmp_path / "test_two.py").write_text("import pytest\npytest.importorskip('absent')\n")
    for file in ("test_one.py", "test_two.py"):
        run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
        environment = {**os.environ, "CI": "true", "PYTHONPATH": str(ROOT)}
        finished = subprocess.run(
            [*run, "--rootdir", str(tmp_path), str(tmp_path / file)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode != 0, finished.stdout
        assert "With CI=true a test may not be skipped" in finished.stdout
