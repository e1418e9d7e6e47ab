"""The high-water mark: how far this node has acknowledged, kept outside the database.

Written after each commit and before its answers. A database that ends before it is an old backup.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

_RECORD = struct.Struct(">8sQ32sI")
_MAGIC = b"TALLYHWM"


class Marked(NamedTuple):
    """The size and root of the newest head that was answered for."""

    size: int
    root: bytes


class Mark:
    """One small file, overwritten in place.

    It is not flushed to the disk: after a power cut it may be older than the database, which is
    harmless, and a killed process loses nothing that it wrote.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        marked = self.read()
        self._size = -1 if marked is None else marked.size

    def read(self) -> Marked | None:
        """The mark, or None when there is none or it was torn."""
        record = os.pread(self._file, _RECORD.size, 0)
        if len(record) != _RECORD.size:
            return None
        magic, size, root, check = _RECORD.unpack(record)
        if magic != _MAGIC or crc32(record[:-4]) != check:
            return None
        return Marked(size, root)

    def write(self, marked: Marked) -> None:
        """Replace the mark, unless it is further on: what was acknowledged stays so."""
        if marked.size < self._size:
            return
        body = _RECORD.pack(_MAGIC, *marked, 0)[:-4]
        os.pwrite(self._file, body + crc32(body).to_bytes(4, "big"), 0)
        self._size = marked.size

    def close(self) -> None:
        os.close(self._file)
