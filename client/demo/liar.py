"""A dishonest operator: with their circle's own link key they sign a second, different account of
where the link stands, and send it to the neighbour."""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp

from client.clock import wall_ms
from ledger.federation.agreement import link_id
from ledger.federation.exchange import PATH, Exchange, read_exchange, sign_exchange
from ledger.federation.message import FIRST, Statement, open_statement, sign_statement

NONCE_BYTES = 16


def link_seed(directory: Path) -> bytes:
    """The key that signs for the circle between circles, as every operator has it on the disk."""
    return bytes.fromhex((directory / "keys" / "link.key").read_text().strip())


async def lie(
    url: str, liar: bytes, seed: bytes, victim: bytes, victim_key: bytes, gain: int
) -> tuple[Statement, Statement]:
    """Tell the circle ``victim`` (at ``url``) that it owes ``gain`` more than both have agreed.

    Circles by their ids, ``seed`` and ``victim_key`` of their link keys. Returns the truth and the
    lie: two statements of one moment, both signed by the liar. Raises MalformedObject,
    InvalidSignature, aiohttp.ClientError.
    """
    beginning = Statement(link_id(liar, victim), 1, 0, FIRST, 0, FIRST, 0, 0, 0)
    answer = await _say(url, liar, seed, victim, beginning)
    truth = open_statement(answer.statement, victim_key)
    higher_is_victim = liar < victim
    untrue = truth._replace(tally=truth.tally + (gain if higher_is_victim else -gain))
    await _say(url, liar, seed, victim, untrue)
    return truth, untrue


async def _say(url: str, liar: bytes, seed: bytes, victim: bytes, statement: Statement) -> Exchange:
    said = Exchange(
        "request",
        statement.link,
        liar,
        victim,
        os.urandom(NONCE_BYTES),
        wall_ms(),
        sign_statement(statement, seed),
        (),
    )
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + PATH, data=sign_exchange(said, seed)) as response,
    ):
        answer, _, _ = read_exchange(await response.read())
        return answer
