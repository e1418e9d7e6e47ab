"""What the operator's commands want done between circles, handed to the node that is serving.

A command writes its wish into a table, and waits for the answer there. So it works whether the node
serves now or later, and only who can write to the circle's database can wish.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog

from ledger.codec import from_base64url
from ledger.errors import TallystickError
from ledger.federation.agreement import AGREEMENT_BYTES_MAX, decode_agreement, link_id
from ledger.federation.link import Link
from ledger.federation.send import give_up
from ledger.federation.step import Step
from ledger.federation.terms import (
    accept,
    allow,
    decline,
    leave,
    offer_id,
    propose,
    suspend,
    withdraw,
)
from ledger.state import State
from node.connections import Connection, Pool
from node.errors import PeerRefused
from node.federation.agreements import Identity
from node.keyring import Keyring
from node.work import PeerEvent, Stepped
from node.writer import DATABASE_AWAY, Writer

POLL_SECONDS = 0.5
WAIT_SECONDS_MAX = 15.0
HEARD_SECONDS_MAX = 5.0
ANSWERS_KEPT = 100

Open = Callable[[bytes, Identity], Awaitable[Link]]
Clear = Callable[[], Awaitable[str]]

log = structlog.get_logger()


async def ask(
    connection: Connection, wish: dict[str, Any], seconds: float = WAIT_SECONDS_MAX
) -> str | None:
    """Hand a wish to the serving node. Its answer: "" for done, else why not; to "clear", JSON of
    what was begun. None when no node answers in time: it does it once it serves."""
    number = await connection.fetchval(
        "INSERT INTO wishes (wish) VALUES ($1) RETURNING number", json.dumps(wish)
    )
    for _ in range(int(seconds / POLL_SECONDS)):
        await asyncio.sleep(POLL_SECONDS)
        answer: str | None = await connection.fetchval(
            "SELECT answer FROM wishes WHERE number = $1", number
        )
        if answer is not None:
            await connection.execute("DELETE FROM wishes WHERE number = $1", number)
            return answer
    return None


async def grant_forever(
    pool: Pool, writer: Writer, keyring: Keyring, open_agreed: Open, clear: Clear
) -> None:
    """Do what was wished for, until cancelled: one after the other, but clearing, which takes
    minutes, beside the others."""

    async def grant(clearing: bool) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                rows = await pool.fetch(
                    """
                    SELECT number, wish FROM wishes
                    WHERE answer IS NULL AND (coalesce(wish ->> 'kind', '') = 'clear') = $1
                    ORDER BY number LIMIT 20
                    """,
                    clearing,
                )
                for row in rows:
                    wish = json.loads(row["wish"])
                    answer = await _grant(wish, writer, keyring, open_agreed, clear)
                    await _answer(pool, row["number"], answer)
            except DATABASE_AWAY as error:
                log.warning("wishes_failed", error=type(error).__name__)

    async with asyncio.TaskGroup() as group:
        for clearing in (False, True):
            group.create_task(grant(clearing))


async def _answer(pool: Pool, number: int, answer: str) -> None:
    await pool.execute("UPDATE wishes SET answer = $2 WHERE number = $1", number, answer)
    # Answers that nobody waited for.
    await pool.execute(
        "DELETE FROM wishes WHERE answer IS NOT NULL AND number <= $1", number - ANSWERS_KEPT
    )


async def _grant(
    wish: dict[str, Any], writer: Writer, keyring: Keyring, open_agreed: Open, clear: Clear
) -> str:
    try:
        if wish["kind"] == "clear":
            await _wait_until_heard(writer)
            return await clear()
        if wish["kind"] == "open":
            key, certificate, signature = (
                from_base64url(part, "certificate") for part in wish["who"]
            )
            who = Identity(key, certificate, signature, str(wish["name"]))
            await open_agreed(from_base64url(wish["agreement"], "agreement"), who)
            return ""
        if wish["kind"] == "give-up":
            return await _give_up(writer, [bytes.fromhex(each) for each in wish["payments"]])
        step = _step_of(wish, writer.loaded.state.circle, keyring.link)
        if not wish.get("suspended"):  # that needs nobody's answer
            await _wait_until_heard(writer)
        [outcome] = await writer.submit([PeerEvent(step)])
    except TallystickError as error:
        return str(error)
    except (KeyError, TypeError, ValueError):
        return "this wish is not one that this version of tallyd knows"
    return outcome.fault if isinstance(outcome, Stepped) else str(outcome)


async def _give_up(writer: Writer, payments: Sequence[bytes]) -> str:
    """Let go of each that can be; what was resolved meanwhile needs it no more."""
    await _wait_until_heard(writer)
    outcomes = await writer.submit(
        [PeerEvent(partial(give_up, payment=payment)) for payment in payments]
    )
    faults = [each.fault for each in outcomes if isinstance(each, Stepped) and each.fault]
    return faults[0] if len(faults) == len(payments) else ""


async def _wait_until_heard(writer: Writer) -> None:
    """A node that has just started asks its peers first where the links stand."""
    for _ in range(int(HEARD_SECONDS_MAX / POLL_SECONDS)):
        if not writer.loaded.state.unconfirmed:
            return
        await asyncio.sleep(POLL_SECONDS)


def _step_of(wish: dict[str, Any], circle: bytes, link_seed: bytes) -> Callable[[State, int], Step]:
    """The step of a wish. Raises KeyError, ValueError, PeerRefused, MalformedObject."""
    kind = wish["kind"]
    link = link_id(circle, bytes.fromhex(wish["peer"]))
    match kind:
        case "suspend":
            step = partial(suspend, link_id=link, suspended=bool(wish["suspended"]))
        case "allow":
            step = partial(allow, link_id=link, owes_max=int(wish["owes_max"]))
        case "propose":
            body = from_base64url(wish["agreement"], "agreement")
            if len(body) > AGREEMENT_BYTES_MAX:
                raise PeerRefused("it is too long")
            agreement = decode_agreement(body)
            step = partial(propose, link_id=link, agreement=agreement, seed=link_seed)
        case "accept":
            return partial(_accept, link, bytes.fromhex(wish["offer"]), link_seed)
        case "decline" | "withdraw" | "leave":
            known = {"decline": decline, "withdraw": withdraw, "leave": leave}
            step = partial(known[kind], link_id=link)
        case _:
            raise ValueError(kind)

    def of_a_neighbour(state: State, now: int) -> Step:
        if link not in state.links:
            return Step(fault="there is no agreement with that circle")
        return step(state, now=now)

    return of_a_neighbour


def _accept(link_id: bytes, wanted: bytes, link_seed: bytes, state: State, now: int) -> Step:
    """Agree to the very terms that the operator has read."""
    link = state.links.get(link_id)
    if link is None or not link.offered or offer_id(link.offered) != wanted:
        return Step(fault="these terms are not proposed any more; see: tallyd peer terms")
    return accept(state, link_id, link_seed, now)
