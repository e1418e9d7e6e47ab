"""What every command is told: which circle, which folder, and how to answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """``circle`` is the membership's name on this device, ``home`` the folder with the keys."""

    circle: str | None = None
    home: Path | None = None
    as_json: bool = False

    def overridden(self, circle: str | None, home: Path | None, as_json: bool) -> Settings:
        """These settings, where a command's own options say nothing else."""
        return Settings(circle or self.circle, home or self.home, as_json or self.as_json)
