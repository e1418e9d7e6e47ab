"""What an operator says of the ways out of the circle: a mail server, a gateway for text messages.

Both are tables of ``node.toml``, and either may be missing: then nothing goes out that way. Nothing
in them has a default, since a wrong guess would send members' names to a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from node.outbound import is_loopback

EMAIL_SETTINGS = ("host", "port", "security", "sender", "user", "password")
SMS_SETTINGS = ("url", "to", "text", "header", "secret", "fields")
EMAIL_PASSWORD = "TALLYD_EMAIL_PASSWORD"
SMS_SECRET = "TALLYD_SMS_SECRET"
SECURITIES = ("tls", "starttls", "none")

_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_LINE = re.compile(r"[^\x00-\x1f\x7f]*")

Security = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """A mail server (RFC 5321) that takes what the circle sends; ``sender`` is who it is from."""

    host: str
    port: int
    security: Security
    sender: Address
    user: str | None
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """A gateway that takes text messages as a JSON object by POST.

    ``to`` and ``text`` are the names of its fields, ``fields`` go with every message, and
    ``header`` carries the ``secret`` where there is one.
    """

    url: str
    to: str
    text: str
    header: str | None
    secret: str | None = field(repr=False)
    fields: tuple[tuple[str, str], ...] = ()


def is_mailbox(written: str) -> bool:
    """Whether it is one address of the plain kind, which can do no harm in a header."""
    return len(written) <= 254 and _MAILBOX.fullmatch(written) is not None


def read_email(
    table: object, environment: Mapping[str, str], wrong: list[str]
) -> EmailSettings | None:
    """The table ``email``; what is wrong is added to ``wrong``, a clause for each."""
    given = _read_table("email", table, EMAIL_SETTINGS, wrong)
    if given is None:
        return None
    password = environment.get(EMAIL_PASSWORD) or given.get("password")
    host: Any = given.get("host")
    port: Any = given.get("port")
    security: Any = given.get("security")
    sender = _read_sender(given.get("sender"))
    user: Any = given.get("user")
    before = len(wrong)
    if not _is_line(host) or not host:
        wrong.append("email.host is missing or no name of a server")
    if type(port) is not int or not 0 < port < 65536:
        wrong.append("email.port is missing or no number of a port, such as 465 or 587")
    if security not in SECURITIES:
        wrong.append("email.security is missing: tls (usually port 465), starttls (587) or none")
    elif security == "none" and _is_line(host) and not is_loopback(host):
        wrong.append("email.security may be none for a server on this very computer only")
    if sender is None:
        wrong.append(
            "email.sender is missing or unusable, and should be like Southwark Circle "
            "<circle@circle.example>"
        )
    if (user is None) is not (password is None) or not _is_line(user or "", password or ""):
        wrong.append(f"email.user and email.password ({EMAIL_PASSWORD}) go together, as texts")
    if len(wrong) > before:
        return None
    assert sender is not None, "a sender that is missing is wrong"
    return EmailSettings(host, port, security, sender, user, password)


def _read_sender(written: object) -> Address | None:
    if not _is_line(written):
        return None
    name, mailbox = parseaddr(str(written))
    return Address(name, addr_spec=mailbox) if is_mailbox(mailbox) else None


def read_sms(table: object, environment: Mapping[str, str], wrong: list[str]) -> SmsSettings | None:
    """The table ``sms``; what is wrong is added to ``wrong``, a clause for each."""
    given = _read_table("sms", table, SMS_SETTINGS, wrong)
    if given is None:
        return None
    secret = environment.get(SMS_SECRET) or given.get("secret")
    url, header, fields = given.get("url"), given.get("header"), given.get("fields", {})
    before = len(wrong)
    if not _is_usable_url(url):
        wrong.append(
            "sms.url is missing or unusable, and should be like https://gateway.example/send; "
            "http is for a gateway on this computer, or one of a private network, by its number"
        )
    for name in ("to", "text"):
        if not _matches(_FIELD_NAME, given.get(name)):
            wrong.append(f"sms.{name} is missing: what the gateway calls the field")
    if (header is None) is not (secret is None) or not _is_line(secret or ""):
        wrong.append(f"sms.header and sms.secret ({SMS_SECRET}) go together, as texts")
    elif header is not None and not _matches(_HEADER_NAME, header):
        wrong.append("sms.header is no name of a header, such as Authorization")
    if not isinstance(fields, dict) or not all(
        _matches(_FIELD_NAME, name) and _is_line(value) for name, value in fields.items()
    ):
        wrong.append("sms.fields is no table of texts")
    if len(wrong) > before:
        return None
    return SmsSettings(str(url), given["to"], given["text"], header, secret, tuple(fields.items()))


def _is_usable_url(url: object) -> bool:
    if not _is_line(url):
        return False
    try:
        parts = urlsplit(str(url))
        host = parts.hostname or ""
        if parts.port == 0 or parts.username is not None or not host:
            return False
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_near(host))


def _is_near(host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def _read_table(
    name: str, table: object, known: tuple[str, ...], wrong: list[str]
) -> dict[str, Any] | None:
    if table is None:
        return None
    if not isinstance(table, dict):
        wrong.append(f"{name} is no table of settings")
        return None
    unknown = sorted(table.keys() - set(known))
    wrong += [f"{name}.{each} is no setting" for each in unknown]
    return None if unknown else table


def _is_line(*values: object) -> bool:
    return all(_matches(_LINE, value) for value in values)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and len(value) <= 1000 and pattern.fullmatch(value) is not None
