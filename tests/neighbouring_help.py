"""Two circles that help each other: Exeter, where mia asks, and Truro, where olga and pete help."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.help.rounds import one_round
from tests.circle_node import CircleNode, Member
from tests.directory_circle import tell
from tests.help_circle import ZONE, ask, help_with, put, read, until_tuesday
from tests.line_of_circles import circles_in_line

HOUR = 100
"""Minor units of either circle."""


@dataclass(slots=True)
class Neighbours:
    """The circle that asks, and the one that is asked."""

    exeter: CircleNode
    truro: CircleNode

    @property
    def mia(self) -> Member:
        return self.exeter["mia"]

    async def allow(self, node: CircleNode, **terms: Any) -> str:
        """Let a circle's coordinator say what passes between it and the other one."""
        other = self.truro if node is self.exeter else self.exeter
        path = f"referral-terms/{other.home.founded.circle.hex()}"
        body = {"refer": True, "take": True, "same_grid": False, "vettings": []} | terms
        return await put(node, path, node["ann"], body)

    async def go_round(self) -> None:
        """What both nodes do by themselves every few seconds, until each knows all."""
        for _ in range(2):
            for node in (self.exeter, self.truro):
                await one_round(node.circle.pool, node.clock.wall())
                await node.circle.referring.one_round()

    async def ask(self, **changed: Any) -> dict[str, Any]:
        """Mia asks, and nobody of Exeter can come."""
        made = await ask(self.exeter, self.mia, **{"wider": True} | changed)
        await self.go_round()
        return await read(self.exeter, self.mia, made["number"])

    async def asked(self, handle: str) -> list[dict[str, Any]]:
        """What somebody of Truro was asked, newest first."""
        found = await self.truro.read("/api/v1/help?asked=true", self.truro[handle])
        requests: list[dict[str, Any]] = found["requests"]
        return requests

    async def offer(self, handle: str, number: int) -> None:
        """Somebody of Truro says yes, and Exeter hears of it."""
        assert await put(self.truro, f"help/{number}/yes", self.truro[handle]) == "ok"
        await self.go_round()

    async def seen(self, number: int) -> dict[str, Any]:
        """Mia's request as she sees it."""
        return await read(self.exeter, self.mia, number)

    def pass_time(self, milliseconds: int) -> None:
        self.exeter.clock.pass_(milliseconds)  # both go by one clock
        self.exeter.forget_sessions()
        self.truro.forget_sessions()


@asynccontextmanager
async def neighbours(dsn: str, folder: Path) -> AsyncIterator[Neighbours]:
    """Exeter and Truro on a Tuesday morning, each allowing what may pass."""
    async with circles_in_line(dsn, folder, "exeter", "truro") as (exeter, truro):
        both = Neighbours(exeter, truro)
        both.pass_time(until_tuesday(exeter.clock.wall()))
        for node in (exeter, truro):
            assert await put(node, "calendar", node["ann"], {"zone": ZONE}) == "ok"
            assert await put(node, "help-terms", node["ann"], {"hour": HOUR}) == "ok"
            assert await both.allow(node) == "ok"
        await tell(exeter, exeter["mia"], contact="01392 496 0018", channel="app")
        for handle in ("olga", "pete"):
            await truro.welcome(handle)
            await tell(truro, truro[handle], contact=f"{handle}@truro.example", channel="email")
            await help_with(truro, handle)
        yield both
