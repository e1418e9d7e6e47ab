"""Files that nobody else on the computer can read, and that a crash leaves either old or new.

Folders are 0700 and files 0600; what others could open is refused, not mended, because it may have
been read or changed. On Windows the user's profile keeps others out and modes mean nothing. Whoever
writes holds the lock (``exclusive``): then at most one unfinished file is left behind a crash, and
the next write replaces it.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from client.errors import KeyStoreBusy, KeyStoreExposed, KeyStoreUnusable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
UNFINISHED: Final = ".unfinished"
"""The name under which a file is written before it takes its place; one in each folder."""

LOCK_WAIT_S: Final = 10.0

_RETRY_S = 0.005
_BLOCK_BYTES = 65_536
# No symbolic link is followed to a file, and a FIFO there does not block; Windows has neither.
_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals into KeyStoreUnusable."""
    try:
        yield
    except OSError as error:
        raise KeyStoreUnusable(path, error.strerror or str(error)) from error


def is_private_folder(folder: Path) -> bool:
    """False where nothing is. Raises KeyStoreExposed, KeyStoreUnusable."""
    with usable(folder):
        try:
            status = folder.stat()
        except FileNotFoundError:
            return False
        if not stat.S_ISDIR(status.st_mode):
            raise KeyStoreUnusable(folder, "it is not a folder")
        _check_private(folder, status, FOLDER_MODE)
        return True


def make_private_folder(folder: Path) -> None:
    """Make it, and its parents as they are usually made, unless it is there and private."""
    if is_private_folder(folder):
        return
    with usable(folder):
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        sync_folder(folder.parent)
    is_private_folder(folder)


def read_file(path: Path, size_max: int) -> bytes | None:
    """Its bytes, at most one more than ``size_max`` of them; None where nothing is.

    Raises KeyStoreExposed, KeyStoreUnusable.
    """
    with usable(path):
        try:
            fd = _open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with open(fd, "rb") as file:
            return file.read(size_max + 1)


def write_file(path: Path, data: bytes) -> None:
    """Put ``data`` in place of what is there, whole and on the disk, or not at all."""
    unfinished = path.with_name(UNFINISHED)
    with usable(path):
        unfinished.unlink(missing_ok=True)
        with open(_open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)


def remove_file(path: Path) -> None:
    """Remove it for good, if it is there."""
    with usable(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)


def append_lines(path: Path, lines: list[bytes]) -> None:
    """Append whole lines (given without line ends), so that they are on the disk.

    What a crash left of an earlier line is cut off first: it was never acknowledged.
    """
    with usable(path):
        is_new = not path.exists()
        with open(_open(path, os.O_RDWR | os.O_CREAT), "r+b") as file:
            file.seek(_end_of_lines(file.fileno()))
            file.truncate()
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(path.parent)


def read_lines(path: Path, size_max: int) -> Iterator[bytes]:
    """Whole lines without their ends; nothing of a last one that has none, or where no file is.

    A line that is longer than ``size_max`` comes as ``size_max + 1`` bytes, and ends the reading.
    """
    with usable(path):
        try:
            fd = _open(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        with open(fd, "rb") as file:
            while line := file.readline(size_max + 1):
                if line.endswith(b"\n"):
                    yield line[:-1]
                elif len(line) > size_max:
                    yield line
                    return


@contextmanager
def exclusive(path: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """Hold the lock file ``path`` against every other process and thread; a crash lets go of it.

    It is not re-entrant. Raises KeyStoreBusy after ``wait_s`` seconds.
    """
    with usable(path):
        fd = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        deadline = time.monotonic() + wait_s
        while not _has_locked(fd, path):
            if time.monotonic() >= deadline:
                raise KeyStoreBusy(path, wait_s)
            time.sleep(_RETRY_S)
        try:
            yield
        finally:
            _unlock(fd)
    finally:
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows does so by itself."""
    if sys.platform != "win32":
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _has_locked(fd: int, path: Path) -> bool:
    with usable(path):
        return _try_lock(fd)


def _open(path: Path, flags: int) -> int:
    fd = os.open(path, flags | _FLAGS, FILE_MODE)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise KeyStoreUnusable(path, "it is not a file")
        _check_private(path, status, FILE_MODE)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_private(path: Path, status: os.stat_result, mode: int) -> None:
    if sys.platform != "win32":
        owned = status.st_uid == os.geteuid()
        if not owned or status.st_mode & 0o077:
            raise KeyStoreExposed(path, owned=owned, mode=mode)


def _end_of_lines(fd: int) -> int:
    """Where the last line end of the file is over; 0 without one."""
    end = os.lseek(fd, 0, os.SEEK_END)
    while end:
        start = max(0, end - _BLOCK_BYTES)
        os.lseek(fd, start, os.SEEK_SET)
        found = os.read(fd, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


if sys.platform == "win32":

    def _try_lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)
