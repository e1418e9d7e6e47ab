"""A circle whose notices go out: a mail server and a gateway for text messages beside it, real ones
on this computer, that keep what they take and refuse what they are told to.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from ssl import SSLContext
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from node.clock import wall_clock
from node.talking.notices import Notice, notify
from node.talking.settings import EmailSettings, Security, SmsSettings
from tests.calendar_circle import NOW, ZONE, set_zone
from tests.circle_node import DAY, CircleNode, Clock, Home, Member, found_circle, serving
from tests.directory_circle import tell

SECRET = "Bearer of-the-gateway"
PASSWORD = "of-the-mail-server"


@dataclass(slots=True)
class MailServer:
    """Takes mail for everybody but those in ``refused``, who get the answer that stands there."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    security: Security = "none"
    logins: int = 0
    data_answer: str = "250 taken"
    on_data: Callable[[], None] = lambda: None

    async def handle_RCPT(  # noqa: N802 (what aiosmtpd calls it)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        """Take a recipient, or not."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a message, or not."""
        self.on_data()
        if self.data_answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
        return self.data_answer

    @property
    def settings(self) -> EmailSettings:
        """How a node reaches it."""
        sender = Address("Southwark Circle", addr_spec="circle@southwark.example")
        return EmailSettings("127.0.0.1", self.port, self.security, sender, "circle", PASSWORD)

    def told(self, address: str) -> list[str]:
        """The texts of what somebody got."""
        return [text_of(each) for each in self.taken if each["To"] == address]


def text_of(message: EmailMessage) -> str:
    """What a message says, with line feeds."""
    text: str = message.get_content()
    return text.replace("\r\n", "\n")


def _authenticate(
    server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any
) -> AuthResult:
    assert isinstance(given, LoginPassword)
    assert isinstance(server.event_handler, MailServer)
    server.event_handler.logins += 1
    return AuthResult(success=(given.login, given.password) == (b"circle", PASSWORD.encode()))


@asynccontextmanager
async def mail_server(
    security: Security = "none", context: SSLContext | None = None
) -> AsyncIterator[MailServer]:
    """Serve on a free port; whoever sends mail has to give the password.

    Over TLS, it is to be given when that is there, and ``context`` has the server's certificate.
    """
    mail = MailServer(security=security)

    def accept() -> SMTP:
        with warnings.catch_warnings():
            # It warns of passwords without TLS, rightly; on this computer a node does without.
            warnings.simplefilter("ignore", UserWarning)
            return SMTP(
                mail,
                hostname="mail.example",
                authenticator=_authenticate,
                auth_required=True,
                tls_context=context if security == "starttls" else None,
                require_starttls=security == "starttls",
                auth_require_tls=security == "starttls",
            )

    server = await asyncio.get_running_loop().create_server(
        accept, "127.0.0.1", 0, ssl=context if security == "tls" else None
    )
    mail.port = server.sockets[0].getsockname()[1]
    try:
        yield mail
    finally:
        server.close()
        await server.wait_closed()


@dataclass(slots=True)
class Gateway:
    """Takes text messages; ``status`` is what it answers with."""

    url: str = ""
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take a message from whoever knows the secret."""
        assert request.headers["Authorization"] == SECRET
        if self.status < 300:
            self.taken.append(await request.json())
        return web.Response(status=self.status, headers={"Location": "http://127.0.0.1:1/"})

    @property
    def settings(self) -> SmsSettings:
        """How a node reaches it."""
        fields = (("from", "Southwark"),)
        return SmsSettings(self.url, "number", "message", "Authorization", SECRET, fields)


@asynccontextmanager
async def sms_gateway() -> AsyncIterator[Gateway]:
    """Serve on a free port."""
    gateway = Gateway()
    app = web.Application()
    app.router.add_post("/send", gateway.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    gateway.url = f"http://127.0.0.1:{port}/send"
    try:
        yield gateway
    finally:
        await runner.cleanup()


@dataclass(slots=True)
class TalkingCircle:
    """A node that serves, and what it sends to."""

    node: CircleNode
    mail: MailServer
    gateway: Gateway

    def __getitem__(self, handle: str) -> Member:
        return self.node[handle]

    async def reach(self, member: Member, channel: str, contact: str) -> None:
        """Let a member say how to reach them."""
        await tell(self.node, member, channel=channel, contact=contact)

    async def reach_as(self, by: Member, member: Member, channel: str, contact: str) -> None:
        """Let a coordinator say it for somebody without a device."""
        await tell(self.node, member, by, channel=channel, contact=contact)

    async def notify(self, member: Member, words: str = "The tools are back.", **more: Any) -> None:
        """Leave somebody a notice, about the 17th of something."""
        notice = Notice("tools", "tools/17", words, **more)
        async with self.node.circle.pool.acquire() as connection, connection.transaction():
            await notify(connection, member.person, notice, self.node.clock.wall())

    async def turn(self) -> None:
        """Let whatever is due go out."""
        while await self.node.circle.delivery.turn():
            pass

    async def later(self, milliseconds: int) -> None:
        """Let time pass, and what is due by then go out."""
        self.node.clock.pass_(milliseconds)
        if milliseconds >= DAY:
            self.node.forget_sessions()
        await self.turn()

    async def ring_list(self) -> list[dict[str, Any]]:
        """What ann has to tell by hand."""
        answer = await self.node.read("/api/v1/ring-list", self.node["ann"])
        errands: list[dict[str, Any]] = answer["errands"]
        return errands

    async def notices(self, member: Member) -> list[dict[str, Any]]:
        """What somebody's device shows."""
        answer = await self.node.read("/api/v1/notices", member)
        shown: list[dict[str, Any]] = answer["notices"]
        return shown


@asynccontextmanager
async def founded(
    dsn: str, directory: Path, mail: MailServer, gateway: Gateway, now: datetime
) -> AsyncIterator[Home]:
    """A circle that sends to these, at another time than the world's."""
    clock = Clock(ahead=int(now.astimezone(UTC).timestamp() * 1000) - wall_clock())
    home = await found_circle(dsn, directory, clock=clock)
    home.config = replace(home.config, email=mail.settings, sms=gateway.settings)
    try:
        yield home
    finally:
        await home.drop()


@asynccontextmanager
async def talking_circle(
    dsn: str, directory: Path, *handles: str, zone: str | None = ZONE, now: datetime = NOW
) -> AsyncIterator[TalkingCircle]:
    """Serve a circle with the coordinator ann and members, by Peckham's clocks."""
    async with (
        mail_server() as mail,
        sms_gateway() as gateway,
        founded(dsn, directory, mail, gateway, now) as home,
        serving(home) as node,
    ):
        await node.join("ann", home.founded.invitation_code)
        for handle in handles:
            await node.welcome(handle)
        if zone is not None:
            await set_zone(node, zone)
        yield TalkingCircle(node, mail, gateway)
