"""The witnesses of this node's log, and how many of them a head needs: two small tables."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.note import COSIGNATURE_V1, VerifierKey, format_vkey, parse_vkey
from node.connections import Reader
from node.errors import WitnessUnusable

WITNESSES_MAX = 16


@dataclass(frozen=True, slots=True)
class Witness:
    """Who cosigns this node's heads: a key of type COSIGNATURE_V1, what it is called, and where."""

    key: VerifierKey
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The witnesses, and how many of them a head needs before ``/checkpoint`` serves it."""

    witnesses: tuple[Witness, ...]
    needed: int


async def read_policy(connection: Reader) -> Policy:
    """The witnesses by the names of their keys, and how many are needed."""
    rows = await connection.fetch(
        """
        SELECT vkey, title, url, needed FROM cosigning LEFT JOIN witnesses ON true ORDER BY name
        """
    )
    witnesses = [
        Witness(parse_vkey(row["vkey"]), row["title"], row["url"]) for row in rows if row["vkey"]
    ]
    return Policy(tuple(witnesses), rows[0]["needed"])


async def add_witness(connection: Reader, witness: Witness) -> None:
    """Ask this witness from now on, or at another address than before. Raises WitnessUnusable."""
    key = witness.key
    if key.signature_type != COSIGNATURE_V1:
        raise WitnessUnusable(key.name, "its key is a log's, not a witness's")
    async with connection.transaction():
        policy = await _lock_policy(connection)
        others = [one.key for one in policy.witnesses if one.key != key]
        if key.name in {one.name for one in others}:
            raise WitnessUnusable(key.name, "it was added with another key; remove that one first")
        if key.public_key in {one.public_key for one in others}:
            raise WitnessUnusable(key.name, "its key was added before, under another name")
        if len(others) >= WITNESSES_MAX:
            raise WitnessUnusable(key.name, f"there are {WITNESSES_MAX} witnesses already")
        await connection.execute(
            """
            INSERT INTO witnesses (name, vkey, title, url) VALUES ($1, $2, $3, $4)
            ON CONFLICT (name) DO UPDATE SET title = excluded.title, url = excluded.url
            """,
            key.name,
            format_vkey(key),
            witness.title,
            witness.url,
        )


async def remove_witness(connection: Reader, name: str) -> bool:
    """Ask this witness no more; returns whether it was asked.

    Raises WitnessUnusable if heads would need more witnesses than are left.
    """
    async with connection.transaction():
        policy = await _lock_policy(connection)
        if name not in {one.key.name for one in policy.witnesses}:
            return False
        if policy.needed >= len(policy.witnesses):
            raise WitnessUnusable(
                name, f"heads need {policy.needed} witnesses; ask for fewer first (need)"
            )
        await connection.execute("DELETE FROM witnesses WHERE name = $1", name)
        return True


async def set_needed(connection: Reader, needed: int) -> None:
    """Have only such heads served as so many witnesses cosigned.

    Raises WitnessUnusable where there are fewer.
    """
    async with connection.transaction():
        policy = await _lock_policy(connection)
        if not 0 <= needed <= len(policy.witnesses):
            count = len(policy.witnesses)
            raise WitnessUnusable(f"A policy of {needed}", f"there are {count} witnesses")
        await connection.execute("UPDATE cosigning SET needed = $1", needed)


async def _lock_policy(connection: Reader) -> Policy:
    """The policy, which nobody else changes until the transaction ends."""
    await connection.execute("SELECT FROM cosigning FOR UPDATE")
    return await read_policy(connection)
