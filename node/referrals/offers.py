"""What a neighbour offers for a request of ours: taken up like the yes of a helper of our own.

The first one has the place, unless the asker picks; and it waits for them to accept it. Who it is
they learn from the neighbour's next half, once they have.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import asyncpg

from ledger.federation.link import Link
from ledger.federation.referral import Offer, decode_reply
from node.connections import Reader
from node.errors import HelpOver, HelpTaken, NotFound, RequestInvalid
from node.help.afterwards import Side, finish, miss
from node.help.answers import close_places
from node.help.minutes import WEEK, minute_at, moment_at, time_of
from node.help.outcomes import forget_offers, reach_out, reopen
from node.help.requests import lock_request, move_asks
from node.help.words import tell_time
from node.referrals.wants import ALLOWED
from node.talking.notices import Notice, notify

DECLINED_MAX = 3
"""Of one referral: after so many the neighbour has offered enough."""
OFFERS_EVER_MAX = 200
"""Of one referral, however many stand at a time."""


async def hear(
    connection: Reader, link: Link, half: bytes, zone: ZoneInfo, now: int
) -> tuple[bytes, int]:
    """Take the newest half of what a neighbour offers, and act on it. Inside a transaction.

    Returns the referral's id, and the number of the newest half that is known now. Of a referral
    that is not known any more nothing is kept. Raises MalformedObject, RequestInvalid for what has
    not begun by our clock.
    """
    reply = decode_reply(half)
    row = await connection.fetchrow(
        "SELECT * FROM referrals WHERE link = $1 AND id = $2 AND outward FOR UPDATE",
        *(link.id, reply.id),
    )
    if row is None or reply.seq <= row["heard"] or is_forgotten(row):
        return reply.id, reply.seq if row is None else max(reply.seq, row["heard"])
    await connection.execute(
        "UPDATE referrals SET theirs = $2, heard = $3 WHERE number = $1",
        *(row["number"], half, reply.seq),
    )
    before = (
        {each.offer: each for each in decode_reply(row["theirs"]).offers} if row["heard"] else {}
    )
    standing = {each.offer: each for each in reply.offers if each.stands}
    for offer, each in before.items():
        if each.name and not _is_named(standing.get(offer)):
            await _forget_name(connection, row["request"], each.name.decode())
    for offer in sorted(before.keys() - standing.keys()):
        await _withdraw(connection, row, offer, now)
    for offer, said in sorted(standing.items()):
        if before.get(offer) != said:
            await _take_up(connection, link, row, said, before.get(offer), zone, now)
    return reply.id, reply.seq


def _is_named(offer: Offer | None) -> bool:
    return offer is not None and bool(offer.name)


async def _forget_name(connection: Reader, request: int, name: str) -> None:
    """Who it was is told no more: they cannot come, or are erased there."""
    await connection.execute(
        """
        DELETE FROM notices USING help_requests
        WHERE notices.about = $1 AND kind = 'booked' AND notices.person = asker
            AND help_requests.number = $2 AND starts_with(notices.words, $3)
        """,
        *(f"help/{request}", request, name),
    )


def is_forgotten(row: asyncpg.Record) -> bool:
    """Whether a referral is so long over that nothing of it is kept any more."""
    return row["heard"] > 0 and not row["theirs"]


async def _withdraw(connection: Reader, referral: asyncpg.Record, offer: int, now: int) -> None:
    """They cannot come after all: the place is open again, before all others."""
    request = await lock_request(connection, referral["request"])
    visit = await _find_visit(connection, referral["number"], offer)
    if visit is None or visit["status"] not in ("held", "booked") or visit["starts"] <= now:
        return
    await reopen(connection, [visit])
    if request["asker"] is not None:
        when = tell_time(time_of(visit["begins"]))
        words = f"The helper for {request['title']}, {when}, cannot come. We look for another now."
        await _tell(connection, request, "left", words, now, visit["starts"])
    await reach_out(connection, request, now)


async def _find_visit(connection: Reader, referral: int, offer: int) -> asyncpg.Record | None:
    return await connection.fetchrow(
        """
        SELECT visits.* FROM visits JOIN referral_offers ON referral_offers.number = visits.offer
        WHERE referral = $1 AND referral_offers.offer = $2
        """,
        *(referral, offer),
    )


async def _take_up(
    connection: Reader,
    link: Link,
    referral: asyncpg.Record,
    said: Offer,
    before: Offer | None,
    zone: ZoneInfo,
    now: int,
) -> None:
    """Act on what is new in one offer."""
    request = await lock_request(connection, referral["request"])
    visit = await _find_visit(connection, referral["number"], said.offer)
    if visit is None:
        is_new = before is None or not before.stands
        await _consider(connection, link, referral, request, said, is_new, zone, now)
        return
    if visit["status"] == "held" and (
        visit["begins"] != _minute_of(said, zone)
        or not await is_vetted(connection, referral, request, said)
    ):
        await _withdraw(connection, referral, said.offer, now)
        return
    if visit["status"] == "booked" and said.name and not (before and before.name):
        await _tell_who(connection, request, visit, said, now)
    if before is None or visit["status"] != "booked":
        return  # what our asker says of a visit of theirs, stands
    if said.minutes not in (0, before.minutes):
        await finish(connection, visit["number"], said.minutes, None, zone, now)
    elif said.missed and not before.missed:
        absent: Side = "asker" if said.missed == "asker" else "helper"
        await miss(connection, visit["number"], None, now, absent)


async def _consider(
    connection: Reader,
    link: Link,
    referral: asyncpg.Record,
    request: asyncpg.Record,
    said: Offer,
    is_new: bool,
    zone: ZoneInfo,
    now: int,
) -> None:
    """Give a new offer the place that is free, or keep it among those that the asker picks from.

    Whoever came too late may offer again, when help is wanted again.
    """
    known = await _note_offer(connection, referral, said)
    if known is None or known["refused"] == "declined" or (known["refused"] and not is_new):
        return
    refused = await _why_not(connection, link, referral, request, said, zone, now)
    await _refuse(connection, known["number"], refused)
    if refused is not None:
        return
    if not request["picks"]:
        week = referral["week"]
        await hold_offer(connection, request, week, known["number"], said, zone, now)
    words = f"Somebody of a neighbouring circle can help with {request['title']}:"
    then = (
        f"see tally offers {request['number']}."
        if request["picks"]
        else f"say tally yes {request['number']} if they may come."
    )
    await _tell(connection, request, "offer", f"{words} {then}", now, said.begins)


async def _note_offer(
    connection: Reader, referral: asyncpg.Record, said: Offer
) -> asyncpg.Record | None:
    """The row of an offer; None for one too many."""
    row = await connection.fetchrow(
        "SELECT number, refused FROM referral_offers WHERE referral = $1 AND offer = $2",
        *(referral["number"], said.offer),
    )
    if row is not None:
        return row
    return await connection.fetchrow(
        """
        INSERT INTO referral_offers (referral, offer)
        SELECT $1, $2 WHERE $3 > (SELECT count(*) FROM referral_offers WHERE referral = $1)
        RETURNING number, refused
        """,
        *(referral["number"], said.offer, OFFERS_EVER_MAX),
    )


async def _tell_who(
    connection: Reader, request: asyncpg.Record, visit: asyncpg.Record, said: Offer, now: int
) -> None:
    reach = f" You reach them so: {said.reach.decode()}." if said.reach else ""
    when = tell_time(time_of(visit["begins"]))
    words = f"{said.name.decode()} comes for {request['title']}, {when}.{reach}"
    await _tell(connection, request, "booked", words, now, visit["starts"])


async def _why_not(
    connection: Reader,
    link: Link,
    referral: asyncpg.Record,
    request: asyncpg.Record,
    said: Offer,
    zone: ZoneInfo,
    now: int,
) -> str | None:
    """What is said of an offer that is not taken up."""
    row = await connection.fetchrow(
        f"""
        SELECT {ALLOWED} AS allowed, (
                SELECT count(*) FROM referral_offers
                WHERE referral = $2 AND refused = 'declined') AS declined,
            EXISTS (SELECT FROM visits
                WHERE request = $1 AND week = $5 AND status = 'open') AS has_room,
            EXISTS (SELECT FROM help_windows AS windows WHERE windows.request = $1
                AND begins <= $3 AND $3 + minutes <= windows.ends) AS fits
        FROM help_requests AS request JOIN referral_terms AS terms ON terms.link = $4
        WHERE request.number = $1
        """,
        *(request["number"], referral["number"]),
        *(_minute_of(said, zone) - referral["week"] * WEEK, link.id, referral["week"]),
    )
    if request["status"] != "open" or row is None or not (row["allowed"] and link.takes_payments):
        return "late"
    if said.begins <= now or not row["fits"] or row["declined"] >= DECLINED_MAX:
        return "declined"
    if not await is_vetted(connection, referral, request, said):
        return "declined"
    return None if row["has_room"] else "late"


def _minute_of(said: Offer, zone: ZoneInfo) -> int:
    """When they come, by the clock on the wall; -1, at which nobody wants help, for another age."""
    try:
        return minute_at(said.begins, zone)
    except (ValueError, OverflowError):
        return -1


async def is_vetted(
    connection: Reader, referral: asyncpg.Record, request: asyncpg.Record, said: Offer
) -> bool:
    """Whether they have what was wanted until then, and it still counts here."""
    if request["vetting"] is None:
        return True
    counts = await connection.fetchval(
        """
        SELECT EXISTS (SELECT FROM referral_vettings
            WHERE link = $1 AND level = $2 AND theirs = $3)
        """,
        *(referral["link"], request["vetting"], referral["vetting"]),
    )
    return bool(counts) and said.vetted > said.begins + request["minutes"] * 60_000


async def _refuse(connection: Reader, offer: int, word: str | None) -> None:
    await connection.execute(
        "UPDATE referral_offers SET refused = $2 WHERE number = $1", offer, word
    )


async def hold_offer(
    connection: Reader,
    request: asyncpg.Record,
    week: int,
    offer: int,
    said: Offer,
    zone: ZoneInfo,
    now: int,
) -> None:
    """Keep the first place of that week that has nobody for an offer. Raises HelpTaken."""
    begins = minute_at(said.begins, zone)
    held = await connection.fetchval(
        """
        UPDATE visits SET status = 'held', offer = $3, begins = $4, starts = $5
        WHERE number = (
            SELECT number FROM visits WHERE request = $1 AND week = $2 AND status = 'open'
            ORDER BY place LIMIT 1
        ) RETURNING true
        """,
        *(request["number"], week, offer, begins, moment_at(begins, zone)),
    )
    if not held:
        raise HelpTaken(request["number"], "somebody else has that place already")
    is_full = not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM visits WHERE request = $1 AND status = 'open')",
        request["number"],
    )
    if is_full:
        await close_places(connection, request, now)
    else:
        await move_asks(connection, request["number"])


async def accept_offer(
    connection: Reader, number: int, offer: int, zone: ZoneInfo, now: int
) -> None:
    """The asker takes somebody whom a neighbour offers: who they are, and where, is told there.

    Nothing is promised to them, as they have no account here: what is set aside stays so until it
    is paid by a payment. Inside a transaction; again, it changes nothing. Raises NotFound,
    HelpOver, HelpTaken, RequestInvalid.
    """
    request = await lock_request(connection, number)
    row = await _read_offer(connection, number, offer)
    suspended = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM suspensions WHERE person = $1)", request["asker"]
    )
    said = standing_offer(row)
    if row["status"] in ("booked", "done", "paid"):
        return
    if row["status"] not in (None, "held"):
        raise HelpOver(number)
    if said is None or suspended or not await is_vetted(connection, row, request, said):
        raise HelpTaken(number, "they cannot come after all")
    if said.begins <= now:
        raise HelpOver(number)
    if row["status"] is None:
        if not request["picks"] or request["status"] != "open" or row["refused"] is not None:
            raise HelpTaken(number, "somebody else has that place already")
        await hold_offer(connection, request, row["week"], offer, said, zone, now)
    booked = await connection.fetchval(
        """
        UPDATE visits SET status = 'booked'
        WHERE offer = $1 AND EXISTS (SELECT FROM holds WHERE index = hold) RETURNING true
        """,
        offer,
    )
    if not booked:
        raise RequestInvalid(["body: nothing is set aside for it any more; do that first"])
    await forget_offers(connection, number)


async def decline_offer(connection: Reader, number: int, offer: int, now: int) -> None:
    """The asker would rather have somebody else: the place is open again. Inside a transaction.

    Raises NotFound, HelpTaken for one whom they accepted.
    """
    request = await lock_request(connection, number)
    row = await _read_offer(connection, number, offer)
    if row["status"] not in (None, "held"):
        raise HelpTaken(number, "you accepted them already; what is not needed you cancel")
    if row["refused"] is not None:
        return
    await _refuse(connection, offer, "declined")
    if row["status"] == "held":
        held = await connection.fetch("SELECT number FROM visits WHERE offer = $1", offer)
        await reopen(connection, held)
        await reach_out(connection, request, now)


async def _read_offer(connection: Reader, number: int, offer: int) -> asyncpg.Record:
    row = await connection.fetchrow(
        """
        SELECT referral_offers.offer, refused, theirs, visits.status, referrals.link, vetting,
            referrals.week
        FROM referral_offers JOIN referrals ON referrals.number = referral
            LEFT JOIN visits ON visits.offer = referral_offers.number
        WHERE referral_offers.number = $1 AND referrals.request = $2
        """,
        *(offer, number),
    )
    if row is None:
        raise NotFound("offer of that number for this request")
    return row


def standing_offer(row: asyncpg.Record) -> Offer | None:
    """What the neighbour says of an offer now; None where it does not stand any more.

    ``row`` has its number there, ``offer``, and the newest half, ``theirs``.
    """
    for each in decode_reply(row["theirs"]).offers if row["theirs"] else ():
        if each.offer == row["offer"] and each.stands:
            return each
    return None


async def _tell(
    connection: Reader, request: asyncpg.Record, kind: str, words: str, now: int, begins: int
) -> None:
    if request["asker"] is not None:
        notice = Notice(kind, f"help/{request['number']}", words, urgent=True, begins=begins)
        await notify(connection, request["asker"], notice, now)
