"""What passed of a request to or from neighbouring circles, for those whom it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import asyncpg

from ledger.charter import open_certificate
from ledger.federation.referral import Who, decode_reply, decode_want
from node.calendar.local_time import local_of, write_local
from node.connections import Reader
from node.http.fields import Model
from node.referrals.offers import standing_offer


class NeighbourOffer(Model):
    """Somebody of a neighbouring circle, who can come at the local time ``begins``.

    ``vetted`` is a day until which they have the vetting that was wanted. An ``hour`` is worth so
    many minor units of theirs. ``visit`` is the one that they are to come to, if they are. Their
    names and how to ``reach`` them are there once they were accepted and the neighbour knows it.
    """

    offer: int
    circle: str
    address: str
    begins: str
    vetted: str | None
    hour: int
    refused: Literal["late", "declined"] | None
    visit: int | None
    handle: str | None
    name: str | None
    reach: str | None


class NeighbourAsker(Model):
    """The circle that asks for somebody of its own, who is named to whom they accepted."""

    circle: str
    address: str
    handle: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Passed:
    """Of one request: where it was referred to, what is offered, and, if it came from a neighbour,
    from which one and for ``who``."""

    referred: tuple[str, ...] = ()
    offers: tuple[NeighbourOffer, ...] = ()
    asker: NeighbourAsker | None = None
    who: Who | None = None

    def named(self, *, show: bool) -> NeighbourAsker | None:
        """Who asks; with ``show`` their name, too."""
        if self.asker is None or self.who is None or not show:
            return self.asker
        name, handle = self.who.name.decode() or None, self.who.handle or None
        return self.asker.model_copy(update={"name": name, "handle": handle})


NOT_PASSED = Passed()


async def read_passed(
    connection: Reader, requests: Sequence[int], zone: ZoneInfo | None
) -> dict[int, Passed]:
    """Of those requests that passed, by number; what each reader may see of it is not decided."""
    rows = await connection.fetch(
        """
        SELECT referrals.request, outward, title, certificate, signature, identity, theirs, hour,
            vetting, referral_offers.number AS offered, referral_offers.offer, refused,
            visits.number AS visit
        FROM referrals JOIN peers ON peers.link = referrals.link
            LEFT JOIN referral_offers ON referral = referrals.number
            LEFT JOIN visits ON visits.offer = referral_offers.number
        WHERE referrals.request = ANY($1::bigint[]) ORDER BY referrals.number, offered
        """,
        list(requests),
    )
    found: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["request"], []).append(row)
    return {number: _read(theirs, zone) for number, theirs in found.items()}


def _read(rows: list[asyncpg.Record], zone: ZoneInfo | None) -> Passed:
    if not rows[0]["outward"]:
        half = rows[0]["theirs"]
        who = next(iter(decode_want(half).who), None) if half else None
        title, address = rows[0]["title"], _address(rows[0])
        return Passed(
            asker=NeighbourAsker(circle=title, address=address, handle=None, name=None), who=who
        )
    offers = [_offer(row, zone) for row in rows if row["offered"] is not None]
    return Passed(
        referred=tuple(dict.fromkeys(row["title"] for row in rows if _looks(row))),
        offers=tuple(each for each in offers if each is not None),
    )


def _looks(row: asyncpg.Record) -> bool:
    """Whether somebody may still be found there: they look, or have not said yet."""
    return not row["theirs"] or decode_reply(row["theirs"]).state == "looking"


def _offer(row: asyncpg.Record, zone: ZoneInfo | None) -> NeighbourOffer | None:
    said = standing_offer(row)
    if said is None or zone is None:
        return None
    until = datetime.fromtimestamp(max(0, said.vetted - 1) / 1000, UTC).date().isoformat()
    return NeighbourOffer(
        offer=row["offered"],
        circle=row["title"],
        address=_address(row),
        begins=write_local(local_of(said.begins, zone)),
        vetted=until if row["vetting"] and said.vetted else None,
        hour=row["hour"],
        refused=row["refused"],
        visit=row["visit"],
        handle=said.handle or None,
        name=said.name.decode() or None,
        reach=said.reach.decode() or None,
    )


def _address(row: asyncpg.Record) -> str:
    """Where its people are: ``name@address`` is one of them."""
    certificate = open_certificate(row["certificate"], row["signature"], row["identity"])
    return certificate.origin.partition("/")[0]
