"""The built wheel in environments of its own, on the oldest and the newest Python."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

PROJECT = Path(__file__).parent.parent
VERSIONS = ("3.11", "3.13")


def find_python(version: str, absent: Callable[[str], NoReturn]) -> str:
    """An interpreter of this version, or a skip; a shim that cannot start one does not count."""
    folders = Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}")
    found = None
    for candidate in (shutil.which(f"python{version}"), *map(str, folders)):
        if candidate is not None:
            tried = subprocess.run([candidate, "-c", ""], capture_output=True, check=False)
            if tried.returncode == 0:
                found = candidate
    return found or absent(f"there is no Python {version} on this machine")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the files of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run([*command, str(PROJECT)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


def install(python: str, folder: Path, what: str) -> Path:
    """A new environment with the wheel in it; returns its folder of programs.

    What it needs is of the versions in the lock, so that nobody's new release makes a test fail.
    """
    subprocess.run([python, "-m", "venv", folder], check=True)
    locked = (PROJECT / "requirements.lock").read_text().splitlines()
    pins = folder / "pins.txt"
    pins.write_text("\n".join(line.removesuffix("\\") for line in locked if "==" in line))
    pip: list[str | Path] = [folder / "bin/python", "-m", "pip", "install", "--quiet"]
    command = [*pip, "--constraint", pins, what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def run(program: Path, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run an installed program where the sources cannot be seen."""
    command: list[str | Path] = [program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_wheel_has_migrations_types_and_licence(wheel: Path) -> None:
    """What is not Python code is easily left out of a wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("node/schema/001_ledger.sql", "ledger/py.typed", "node/py.typed"):
        assert wanted in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "docs/")) for name in names)


@pytest.mark.parametrize("version", VERSIONS)
def test_light_client_runs_bare(
    wheel: Path, tmp_path: Path, version: str, absent: Callable[[str], NoReturn]
) -> None:
    """Without the extra, `tally` works and `tallyd` says in one sentence what it lacks."""
    programs = install(find_python(version, absent), tmp_path / "bare", str(wheel))
    helped = run(programs / "tally", "--help", cwd=tmp_path)
    assert helped.returncode == 0, helped.stderr
    refused = run(programs / "tallyd", "--help", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "tallystick[node]" in refused.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_node_founds_a_circle_from_the_wheel(
    wheel: Path, tmp_path: Path, version: str, absent: Callable[[str], NoReturn]
) -> None:
    """With the extra, a circle is made and checked on the embedded database."""
    programs = install(find_python(version, absent), tmp_path / "node", f"{wheel}[node]")
    circle = tmp_path / "circle"
    flags = ("--name", "Wheel", "--address", "wheel.example", "--json")
    made = run(programs / "tallyd", "init", circle, *flags, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["origin"].startswith("wheel.example/tallystick/")
    checked = run(programs / "tallyd", "check", circle, "--json", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["problems"] == []
