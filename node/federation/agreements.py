"""How two circles come to an agreement: one hands out an invitation, the other asks with it.

The invitation is one string with the address, the circle's id and a code. Whoever has it is offered
its terms once, for one circle; both nodes sign the same bytes, and each opens its link when it has
both signatures. Asking again with the same invitation gives the same answer.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from ledger import keys
from ledger.charter import Certificate, open_certificate
from ledger.federation.agreement import (
    Agreement,
    Party,
    decode_agreement,
    encode_agreement,
    make_agreement,
    open_agreement,
)
from ledger.federation.link import Link
from ledger.federation.terms import open_link
from ledger.note import ED25519, VerifierKey
from node.connections import Pool, Reader
from node.errors import PeerRefused, WitnessUnusable
from node.witness.client import check_url
from node.witness.logs import accept_log, witness_key
from node.witness.policy import Witness, add_witness
from node.work import PeerEvent, Stepped
from node.writer import Writer

CODE_BYTES = 16
INVITED = "/peer#"
"""Follows the address in an invitation."""

INVITATION_MS = 30 * 24 * 3600 * 1000
_CIRCLE_DIGITS = 2 * keys.HASH_BYTES


@dataclass(frozen=True, slots=True)
class Terms:
    """What an invitation offers, in the link's ``unit``: ``own`` of the inviter's minor units are
    worth ``linked`` of it."""

    unit: str
    own: int
    linked: int
    we_owe_max: int
    they_owe_max: int
    hold_max: int
    holds_max: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """The one string, taken apart."""

    url: str
    circle: bytes
    code: bytes

    def __str__(self) -> str:
        return f"{self.url}{INVITED}{self.circle.hex()}{self.code.hex()}"


def read_invitation(text: str) -> Invitation:
    """Take an invitation apart. Raises PeerRefused."""
    url, found, secret = text.strip().partition(INVITED)
    try:
        data = bytes.fromhex(secret)
    except ValueError:
        data = b""
    if not found or len(data) != keys.HASH_BYTES + CODE_BYTES:
        raise PeerRefused("this is not a whole invitation; copy all of it")
    return Invitation(url, data[: keys.HASH_BYTES], data[keys.HASH_BYTES :])


def party_of(certificate: Certificate, url: str, own: int, linked: int, owes_max: int) -> Party:
    """A circle as a party to an agreement."""
    return Party(
        certificate.circle,
        certificate.origin,
        certificate.link,
        certificate.decision,
        url,
        own,
        linked,
        owes_max,
    )


async def keep_invitation(connection: Reader, code: bytes, terms: Terms, now: int) -> None:
    """Remember the terms that a code is offered."""
    await connection.execute(
        """
        INSERT INTO peer_invitations (code_hash, unit, own, linked, we_owe_max, they_owe_max,
            hold_max, holds_max, expires)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        hashlib.sha256(code).digest(),
        terms.unit,
        terms.own,
        terms.linked,
        terms.we_owe_max,
        terms.they_owe_max,
        terms.hold_max,
        terms.holds_max,
        now + INVITATION_MS,
    )


async def offer(
    connection: Reader, code: bytes, ours: Certificate, url: str, theirs: Party, now: int
) -> bytes:
    """The body of the agreement that a code is offered, for the circle that asks.

    ``theirs`` has that circle's own rate and address; its limit is the invitation's. Who saw the
    terms may ask again with another rate of its own, until it has signed. Raises PeerRefused,
    MalformedObject.
    """
    async with connection.transaction():
        row = await connection.fetchrow(
            """
            SELECT unit, own, linked, we_owe_max, they_owe_max, hold_max, holds_max, expires,
                agreement, concluded
            FROM peer_invitations WHERE code_hash = $1 FOR UPDATE
            """,
            hashlib.sha256(code).digest(),
        )
        if row is None:
            raise PeerRefused("the invitation is unknown here; ask for a new one")
        if theirs.circle == ours.circle:
            raise PeerRefused("a circle makes no agreement with itself")
        _check_address(theirs.url)
        us = party_of(ours, url, row["own"], row["linked"], row["we_owe_max"])
        them = theirs._replace(owes_max=row["they_owe_max"])
        agreement = make_agreement(
            1, row["unit"].encode(), row["hold_max"], row["holds_max"], us, them
        )
        body = encode_agreement(agreement)
        if row["agreement"] == body:
            return body
        if row["agreement"] is not None:
            before = decode_agreement(row["agreement"]).other(ours.circle)
            if row["concluded"] or before._replace(own=them.own, linked=them.linked) != them:
                raise PeerRefused("the invitation was used by another circle, or on other terms")
        if now >= row["expires"]:
            raise PeerRefused("the invitation's time is over; ask for a new one")
        await connection.execute(
            "UPDATE peer_invitations SET agreement = $2 WHERE code_hash = $1",
            hashlib.sha256(code).digest(),
            body,
        )
    return body


def _check_address(url: str) -> None:
    """Raise PeerRefused for an address that no circle is to be asked at."""
    try:
        check_url(url)
    except WitnessUnusable as error:
        raise PeerRefused(f"its address cannot be used: {error}".rstrip(".")) from None


async def check_concluded(connection: Reader, wire: bytes) -> Agreement:
    """Check that a signed agreement is one that this circle offered.

    Raises PeerRefused, MalformedObject, InvalidSignature.
    """
    agreement = open_agreement(wire)
    body = encode_agreement(agreement)
    known = await connection.execute(
        "UPDATE peer_invitations SET concluded = true WHERE agreement = $1", body
    )
    if known == "UPDATE 0":
        raise PeerRefused("this circle offered no such agreement")
    return agreement


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a circle is: its identity key, its certificate and that key's signature, its name."""

    key: bytes
    certificate: bytes
    signature: bytes
    name: str

    def open(self) -> Certificate:
        """The certificate, verified. Raises MalformedObject, InvalidSignature."""
        keys.check_public_key(self.key)
        return open_certificate(self.certificate, self.signature, self.key)

    @property
    def title(self) -> str:
        """Its name, fit to be shown."""
        return "".join(letter for letter in self.name if letter.isprintable())[:200]


async def open_agreed(writer: Writer, pool: Pool, wire: bytes, identity: Identity) -> Link:
    """Have the writer open the link of an agreement with that circle.

    Raises PeerRefused, MalformedObject, InvalidSignature, Overloaded, Frozen.
    """
    certificate = identity.open()
    theirs = open_agreement(wire).party(certificate.circle)
    if theirs[:4] != party_of(certificate, theirs.url, 1, 1, 0)[:4]:
        raise PeerRefused("the agreement does not have that circle's own keys")
    [outcome] = await writer.submit([PeerEvent(lambda state, _: open_link(state, wire))])
    if isinstance(outcome, Exception):
        raise outcome
    links = writer.loaded.links.values()
    link = next((link for link in links if link.agreement == wire), None)
    if link is None:
        fault = outcome.fault if isinstance(outcome, Stepped) else ""
        raise PeerRefused(fault or "it could not be opened")
    await pool.execute(
        """
        INSERT INTO peers (link, title, identity, certificate, signature)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
        """,
        link.id,
        identity.title or certificate.origin,
        identity.key,
        identity.certificate,
        identity.signature,
    )
    async with pool.acquire() as connection:
        await _watch_each_other(connection, certificate, identity.title, theirs.url)
    return link


async def _watch_each_other(
    connection: Reader, certificate: Certificate, title: str, url: str
) -> None:
    """Cosign that circle's heads from now on, and ask it to cosign ours."""
    log_key = VerifierKey(certificate.origin, ED25519, certificate.log)
    await accept_log(connection, log_key)
    with suppress(WitnessUnusable):  # there are as many as a head needs
        await add_witness(connection, Witness(witness_key(certificate), title, url))


def check_offer(
    body: bytes, invitation: Invitation, certificate: Certificate, asked: Party
) -> Agreement:
    """Check that what was offered is between us and the circle that invited us, with its keys.

    Raises PeerRefused, MalformedObject.
    """
    agreement = decode_agreement(body)
    if certificate.circle != invitation.circle:
        raise PeerRefused("another circle answers there than the one that invited this one")
    ours, theirs = agreement.party(asked.circle), agreement.other(asked.circle)
    _check_address(theirs.url)
    if ours._replace(owes_max=0) != asked._replace(owes_max=0):
        raise PeerRefused("it offers an agreement about other things than were asked")
    if theirs[:4] != party_of(certificate, theirs.url, 1, 1, 0)[:4]:
        raise PeerRefused("the agreement does not have that circle's own keys")
    return agreement
