"""A node's settings: the file ``node.toml`` in its data directory, and the environment.

All that is wrong is said at once. What must not be guessed has no default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

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
ENVIRONMENT = (
    *("DATABASE_URL", "TALLYD_LISTEN", "TALLYD_PUBLIC_URL"),
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
    """

    directory: Path
    schema: str
    host: str
    port: int
    public_url: str | None
    database_url: str | None = field(repr=False)
    email: EmailSettings | None = None
    sms: SmsSettings | None = None

    @property
    def keys(self) -> Path:
        return self.directory / "keys"

    @property
    def address(self) -> str:
        """Where others reach this node."""
        return self.public_url or f"http://{self.host}:{self.port}"


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
    if wrong:
        raise BadSettings(f"{path}: {'; '.join(wrong)}.")
    database_url = environment.get("DATABASE_URL") or None
    return Config(directory, settings["schema"], host, port, public_url, database_url, email, sms)


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
