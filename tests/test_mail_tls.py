"""Mail goes out over TLS, and to nobody whose certificate is not the mail server's."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from node.talking.mail import Parcel, Sender, Trouble, send_emails
from node.talking.settings import Security
from tests.calendar_circle import NOW
from tests.talking_circle import MailServer, mail_server, text_of

ENCRYPTED: list[Security] = ["tls", "starttls"]
SENDER = Sender("Southwark Circle", "southwark.example")
PARCEL = Parcel("Mia", "mia@example.org", ((7, "The tools are back."),), urgent=False, attempts=1)


@asynccontextmanager
async def certified(
    issuer: trustme.CA, security: Security, name: str = "127.0.0.1"
) -> AsyncIterator[MailServer]:
    """A mail server on this computer, with a certificate for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(name).configure_cert(context)
    async with mail_server(security, context) as mail:
        yield mail


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Who is trusted to issue certificates, as an operator says it: in the environment."""
    issuer, file = trustme.CA(), tmp_path / "trusted.pem"
    issuer.cert_pem.write_to_path(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return issuer


async def send(mail: MailServer) -> list[Trouble | None]:
    """Send something, and return what became of it."""
    outcomes = []

    async def report(parcel: Parcel, trouble: Trouble | None) -> None:
        outcomes.append(trouble)

    now = round(NOW.timestamp() * 1000)
    await send_emails(SENDER, mail.settings, [PARCEL], report, now)
    return outcomes


@pytest.mark.parametrize("security", ENCRYPTED)
async def test_mail_goes_out_over_tls(trusted: trustme.CA, security: Security) -> None:
    """The server takes neither password nor mail without."""
    async with certified(trusted, security) as mail:
        assert await send(mail) == [None]
        [message] = mail.taken
        assert mail.logins == 1
        assert "The tools are back." in text_of(message)


@pytest.mark.parametrize("security", ENCRYPTED)
@pytest.mark.parametrize(
    ("name", "is_known", "why"),
    [
        ("127.0.0.1", False, "unable to get local issuer certificate"),
        ("mail.example", True, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
    ids=["of-an-issuer-nobody-trusts", "for-another-name"],
)
async def test_a_server_with_a_wrong_certificate_is_told_nothing_and_the_operator_why(
    trusted: trustme.CA, security: Security, name: str, is_known: bool, why: str
) -> None:
    issuer = trusted if is_known else trustme.CA()
    async with certified(issuer, security, name) as mail:
        with capture_logs() as logged:
            [trouble] = await send(mail)
        assert trouble is not None
        assert not trouble.is_final, "it is mended by the operator, and then goes out"
        assert trouble.reason.startswith("127.0.0.1 was not trusted with it: ")
        assert why in trouble.reason
        assert {"event": "mail_server_unusable", "reason": trouble.reason} in [
            {name: each[name] for name in ("event", "reason")} for each in logged
        ]
        assert (mail.taken, mail.logins) == ([], 0)


async def test_a_server_that_offers_no_tls_is_told_nothing() -> None:
    """Not even a password: somebody in between may have taken the offer away."""
    async with mail_server() as mail:
        mail.security = "starttls"
        [trouble] = await send(mail)
        assert trouble is not None
        assert "STARTTLS extension not supported" in trouble.reason
        assert (mail.taken, mail.logins) == ([], 0)
