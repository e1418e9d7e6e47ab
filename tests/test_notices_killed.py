"""A node that is killed while it sends loses no notice; what it repeats is known by its number."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.clock import wall_clock
from node.connections import Connection
from node.talking.timing import BACK_OFF_MS
from tests.circle_node import Home, serving
from tests.directory_circle import tell
from tests.talking_circle import (
    MailServer,
    TalkingCircle,
    founded,
    mail_server,
    sms_gateway,
)

MEMBERS = ("mia", "noa", "zoe")


async def send_until_killed(home: Home, mail: MailServer, kill_at: str) -> None:
    """Have another process send, and kill it at its second message."""
    arguments = (home.dsn, home.config.schema, str(home.config.directory), str(mail.port))
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.delivery_victim", *arguments
    )
    seen = 0

    def kill() -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            victim.kill()
            if kill_at == "before it is taken":
                mail.data_answer = "451 the one who asked is gone"

    mail.on_data = kill
    assert await asyncio.wait_for(victim.wait(), 60) < 0
    mail.on_data, mail.data_answer = lambda: None, "250 taken"


async def count_told(connection: Connection) -> int:
    count: int = await connection.fetchval("SELECT count(*) FROM notices WHERE told IS NOT NULL")
    return count


@pytest.mark.parametrize("kill_at", ["before it is taken", "before it is noted"])
async def test_a_node_that_is_killed_while_it_sends_loses_no_notice(
    postgres_dsn: str, tmp_path: Path, kill_at: str
) -> None:
    now = datetime.fromtimestamp(wall_clock() / 1000, UTC)
    async with (
        mail_server() as mail,
        sms_gateway() as gateway,
        founded(postgres_dsn, tmp_path / "circle", mail, gateway, now) as home,
    ):
        async with serving(home) as node:
            await node.join("ann", home.founded.invitation_code)
            node.circle.delivery.email = None
            for handle in MEMBERS:
                member = await node.welcome(handle)
                await tell(node, member, channel="email", contact=f"{handle}@example.org")
        async with home.database() as connection:
            await connection.execute(
                """
                INSERT INTO notices (person, kind, about, words, urgent, made, due)
                SELECT person, 'tools', 'tools/17', 'The tools are back.', false, $1, $1
                FROM profiles ORDER BY person
                """,
                home.clock.wall(),
            )
            await send_until_killed(home, mail, kill_at)
            assert await count_told(connection) == 1
            home.clock.pass_(BACK_OFF_MS[0])
            async with serving(home) as node:
                await TalkingCircle(node, mail, gateway).turn()
            assert await count_told(connection) == len(MEMBERS)
    got = [len(mail.told(f"{handle}@example.org")) for handle in MEMBERS]
    assert got == [1, 1 if kill_at == "before it is taken" else 2, 1]
    ids = {(message["To"], message["Message-ID"]) for message in mail.taken}
    assert len(ids) == len(MEMBERS)
