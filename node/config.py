"""A node's settings: the file ``node.toml`` in its data directory, and the environment.

All that is wrong is said at once. What must not be guessed has no default.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from node.clock import Clock, read_behind, rehearsal_clock
from node.errors import DatabaseUnsuitable, NodeUnfit, NotInitialised
from node.migrate import check_schema_name
from node.talking.settings import (
    EMAIL_PASSWORD,
    SMS_SECRET,
    EmailSettings,
    SmsSettings,
    read_email,
    read_sms,
)

SETTINGS = ("schema", "listen", "public_url")
TABLES = ("email", "sms")
REHEARSAL_SECONDS = 0.3
ENVIRONMENT = (
    *("DATABASE_URL", "TALLYD_LISTEN", "TALLYD_PUBLIC_URL", "TALLYD_BEHIND"),
    *(EMAIL_PASSWORD, SMS_SECRET),
)


class BadSettings(NodeUnfit):
    """Settings that a node cannot start with; the message names each."""

    code = "bad-settings"


@dataclass(frozen=True, slots=True)
class Config:
    """What a node is told. ``database_url`` is None for the embedded PostgreSQL.

    ``host`` and ``port`` are where it listens (port 0: any); ``public_url`` is how others reach it,
    or None for where it listens. ``email`` and ``sms`` are None where nothing goes out that way.
    ``behind`` is the file that says how far its clocks are behind, if the circle rehearses.
    """

    directory: Path
    schema: str
    host: str
    port: int
    public_url: str | None
    database_url: str | None = field(repr=False)
    email: EmailSettings | None = None
    sms: SmsSettings | None = None
    behind: Path | None = None

    @property
    def keys(self) -> Path:
        return self.directory / "keys"

    @property
    def address(self) -> str:
        """Where others reach this node."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def hurry(self) -> float | None:
        """After how many seconds rounds are made again in a rehearsal, where days may go by in
        between; None for as usual."""
        return None if self.behind is None else REHEARSAL_SECONDS

    def make_clock(self) -> Clock:
        """New clocks for this circle to go by: the two of one go together."""
        return Clock() if self.behind is None else rehearsal_clock(self.behind)


def read_config(directory: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the settings of the circle in ``directory``. Raises NotInitialised, BadSettings."""
    path = directory / "node.toml"
    try:
        settings = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotInitialised(directory) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path} cannot be read: {error}.") from None
    wrong = [f"{name} is no setting" for name in sorted(settings.keys() - {*SETTINGS, *TABLES})]
    wrong += [
        f"{name} is not a text" for name in SETTINGS if not isinstance(settings.get(name, ""), str)
    ]
    if "schema" not in settings:
        wrong.append("schema is missing, and has no default")
    if wrong:
        raise BadSettings(f"{path}: {'; '.join(wrong)}.")
    listen = environment.get("TALLYD_LISTEN") or settings.get("listen", "127.0.0.1:8470")
    public_url = environment.get("TALLYD_PUBLIC_URL") or settings.get("public_url")
    host, port = _parse_listen(listen, wrong)
    if public_url is not None:
        _check_url(public_url, wrong)
    try:
        check_schema_name(settings["schema"])
    except DatabaseUnsuitable as error:
        wrong.append(str(error).rstrip("."))
    email = read_email(settings.get("email"), environment, wrong)
    sms = read_sms(settings.get("sms"), environment, wrong)
    behind = _find_behind(environment.get("TALLYD_BEHIND"), host, public_url, wrong)
    if wrong:
        raise BadSettings(f"{path}: {'; '.join(wrong)}.")
    database_url = environment.get("DATABASE_URL") or None
    return Config(
        *(directory, settings["schema"], host, port, public_url, database_url, email, sms, behind)
    )


def _parse_listen(listen: str, wrong: list[str]) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        wrong.append(f"listen is {listen!r:.60}, and should be like 127.0.0.1:8470")
        return "", 0
    return host.strip("[]"), int(port)


def _check_url(url: str, wrong: list[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        wrong.append(f"public_url is {url!r:.80}, and should be like https://circle.example")


def _find_behind(
    named: str | None, host: str, public_url: str | None, wrong: list[str]
) -> Path | None:
    """The file of a rehearsal. What is not the time is for nobody but who is at this computer."""
    if not named:
        return None
    reached = host if public_url is None else urlsplit(public_url).hostname or ""
    if not (_is_here(host) and _is_here(reached)):
        wrong.append(
            "TALLYD_BEHIND is set, and a circle that rehearses is reached from its own computer"
            f" only: listen at 127.0.0.1, and not at {reached if _is_here(host) else host!r:.60}"
        )
    if read_behind(Path(named)) is None:
        wrong.append(
            f"TALLYD_BEHIND is {named!r:.80}, and should name a file with one line: how many"
            " milliseconds the clock is behind"
        )
    return Path(named)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def write_config(directory: Path, schema: str, listen: str) -> None:
    """Write a new ``node.toml``."""
    text = (
        "# Settings of this node. Restart it after a change.\n"
        f'schema = "{schema}"\n'
        f'listen = "{listen}"\n'
        '# public_url = "https://circle.example"\n'
        "# Mail and text messages have tables of their own, [email] and [sms]: see the README.\n"
    )
    (directory / "node.toml").write_text(text, "utf-8")
