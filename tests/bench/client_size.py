"""How much the light client takes when it is installed on its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
_NOT_OURS = ("pip", "setuptools", "pkg_resources", "wheel-", "_distutils", "distutils-")


def measure() -> float:
    """Build the wheel, install it without extras in a new environment, and weigh what came.

    Megabytes (10^6 bytes) of all files, bytecode included, without pip and setuptools. Raises
    CalledProcessError when it cannot be built or installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        python = home / "venv" / "bin" / "python"
        _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", home, PROJECT)
        _run(sys.executable, "-m", "venv", home / "venv")
        [wheel] = home.glob("*.whl")
        _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
        [packages] = (home / "venv" / "lib").glob("python*/site-packages")
        _run(python, "-m", "compileall", "-q", packages)
        return sum(_weigh(each) for each in packages.iterdir() if not _is_tool(each)) / 1e6


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _is_tool(path: Path) -> bool:
    return path.name.startswith(_NOT_OURS)


def _weigh(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.lstat().st_size for each in files if each.is_file())
