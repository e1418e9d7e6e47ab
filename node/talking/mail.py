"""Notices by email: one message a member, with the numbers of what it tells.

A message that is sent again, since nobody knows whether it was taken, has the same Message-ID (RFC
5322 section 3.6.4) and says the same numbers, so that a repeat is recognised.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib
import structlog

from node.talking.settings import EmailSettings

SECONDS_MAX = 20
"""For each thing that is said to a mail server."""
REASON_CHARACTERS_MAX = 160

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sender:
    """The circle: what it is called, and the host of its address."""

    name: str
    host: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one member is told at once: numbers and words of notices, in their order."""

    name: str
    contact: str
    notices: tuple[tuple[int, str], ...]
    urgent: bool
    attempts: int

    @property
    def numbers(self) -> list[int]:
        """Of its notices."""
        return [number for number, _ in self.notices]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something was not taken; ``is_final`` where it is no use to try again."""

    reason: str
    is_final: bool = False


Report = Callable[[Parcel, Trouble | None], Awaitable[None]]


def write_email(sender: Sender, settings: EmailSettings, parcel: Parcel, now: int) -> EmailMessage:
    """The message that tells a parcel, as of ``now`` (Unix milliseconds)."""
    numbers = parcel.numbers
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.sender
    message["To"] = Address(addr_spec=parcel.contact)
    message["Subject"] = _write_subject(sender, parcel)
    message["Date"] = format_datetime(datetime.fromtimestamp(now // 1000, UTC))
    message["Message-ID"] = f"<notice.{numbers[0]}.{numbers[-1]}.{len(numbers)}@{sender.host}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine is to answer it
    told = [f"{words}\n(Number {number})" for number, words in parcel.notices]
    message.set_content(
        "\n\n".join(
            [
                f"Dear {parcel.name},",
                *told,
                f"This is from {sender.name}. To be told in another way, or at other hours, tell a "
                "coordinator, or write: tally profile --channel app",
            ]
        )
    )
    return message


def _write_subject(sender: Sender, parcel: Parcel) -> str:
    if len(parcel.notices) > 1:
        what = f"{len(parcel.notices)} things to tell you"
    else:
        what = f"something to tell you (number {parcel.numbers[0]})"
    return f"{sender.name}: {'today, ' if parcel.urgent else ''}{what}"


async def send_emails(
    sender: Sender,
    settings: EmailSettings,
    parcels: Sequence[Parcel],
    report: Report,
    now: int,
) -> None:
    """Send them over one connection, and report of each, in order, whether it was taken.

    ``report`` raises nothing that a network does.
    """
    waiting = list(parcels)
    smtp = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        username=settings.user,
        password=settings.password,
        local_hostname=sender.host,
        timeout=SECONDS_MAX,
        use_tls=settings.security == "tls",
        start_tls=settings.security == "starttls",
        tls_context=None if settings.security == "none" else ssl.create_default_context(),
    )
    try:
        await smtp.connect()
        while waiting:
            trouble = await _send(smtp, sender, settings, waiting[0], now)
            await report(waiting.pop(0), trouble)
        await smtp.quit()
    except (aiosmtplib.SMTPException, OSError) as error:
        trouble = Trouble(_say(settings, error))
        log.warning("mail_server_unusable", reason=trouble.reason)
        for parcel in waiting:
            await report(parcel, trouble)
    finally:
        smtp.close()


async def _send(
    smtp: aiosmtplib.SMTP, sender: Sender, settings: EmailSettings, parcel: Parcel, now: int
) -> Trouble | None:
    """Have one message taken. Whatever is wrong with the connection is raised."""
    try:
        await smtp.send_message(write_email(sender, settings, parcel, now))
    except ValueError:  # what cannot be written as an email must not hold up the others
        return Trouble("it cannot be written as an email", is_final=True)
    except aiosmtplib.SMTPRecipientsRefused as refused:
        [error] = refused.recipients
        return Trouble(_say(settings, error), is_final=error.code >= 500)
    except aiosmtplib.SMTPDataError as error:
        return Trouble(_say(settings, error), is_final=error.code >= 500)
    return None


def _say(settings: EmailSettings, error: Exception) -> str:
    """What went wrong, in a line for the coordinators."""
    for cause in (error, error.__cause__):
        if isinstance(cause, ssl.SSLCertVerificationError):
            said = f"{settings.host} was not trusted with it: {cause.verify_message}"
            return said[:REASON_CHARACTERS_MAX]
    code = getattr(error, "code", "")
    line = " ".join(f"{code} {getattr(error, 'message', type(error).__name__)}".split())
    printable = "".join(each if each.isprintable() else "?" for each in line)
    return f"{settings.host} did not take it: {printable}"[:REASON_CHARACTERS_MAX]
