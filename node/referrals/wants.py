"""Our half of what we ask of neighbours: worked out from how requests stand, each time anew.

So there is nothing that could be forgotten to be told: a half that differs from the one that was
written last is the next one, and goes on being sent until the neighbour has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from ledger.characters import is_printable
from ledger.codec import AMOUNT_MAX
from ledger.errors import MalformedObject
from ledger.federation.link import Link
from ledger.federation.referral import (
    HOUR_MAX,
    ID_BYTES,
    LINE_BYTES_MAX,
    NAME_MAX,
    OFFERS_MAX,
    PROSE_BYTES_MAX,
    SPOT_SIDE,
    TAKEN_MINUTES_MAX,
    Verdict,
    Want,
    Who,
    encode_want,
)
from node.connections import Reader
from node.help.asking import LEAD_MINUTES
from node.help.minutes import WEEK, moment_at
from node.help.requests import WEEK_MS
from node.people.standing import member_condition

log = structlog.get_logger()

LIVE_MS = 30 * 24 * 3600 * 1000
"""So long after a request's last moment its halves are kept, and changes are told."""
BATCH = 100
OPEN_MAX = 50
"""Requests that one neighbour is asked at once, or asks."""
ALLOWED = """
    wider AND refer AND NOT EXISTS (SELECT FROM suspensions WHERE person = asker)
        AND (request.vetting IS NULL OR EXISTS (
            SELECT FROM referral_vettings AS counts
            WHERE counts.link = terms.link AND counts.level = request.vetting
        ))
"""
"""Whether a ``request`` may pass to the neighbour that ``terms`` are of."""
_FIRST_OPEN = """
    SELECT min(week) AS week FROM visits
    WHERE visits.request = request.number AND visits.status = 'open'
"""
AGREED = ("booked", "done", "paid", "missed")


async def refer(
    connection: Reader, links: Mapping[bytes, Link], entropy: Callable[[int], bytes], now: int
) -> None:
    """Pass on what nobody here came for; ``entropy`` gives random bytes.

    That is the first week in which somebody lacks of a request whose asker and whose circle allow
    it, after its last wave, once it is known what an hour costs, to neighbours who have the vetting
    that it needs. Inside a transaction.
    """
    rows = await connection.fetch(
        f"""
        SELECT terms.link, request.number, request.hour, request.most, week,
            coalesce(theirs, '') AS vetting
        FROM help_requests AS request CROSS JOIN referral_terms AS terms
            CROSS JOIN LATERAL ({_FIRST_OPEN}) AS open
            LEFT JOIN referral_vettings AS counts
                ON counts.link = terms.link AND counts.level = request.vetting
        WHERE {ALLOWED} AND status = 'open' AND next_wave IS NULL AND request.link IS NULL
            AND hour IS NOT NULL AND ends + week * {WEEK_MS}::bigint > $1
            AND terms.link = ANY($2::bytea[]) AND {member_condition("asker")}
            AND NOT EXISTS (
                SELECT FROM referrals
                WHERE referrals.link = terms.link AND referrals.request = request.number
                    AND referrals.week = open.week
            )
        ORDER BY ends + week * {WEEK_MS}::bigint, request.number LIMIT $3
        """,
        *(now + LEAD_MINUTES * 60_000, [key for key in links if links[key].takes_payments]),
        BATCH,
    )
    room = await _read_room(connection)
    for row in rows:
        link = links[row["link"]]
        hour = worth_there(link, row["hour"])
        room[link.id] = room.get(link.id, OPEN_MAX) - 1
        if (
            room[link.id] < 0
            or not 0 < hour <= HOUR_MAX
            or link.room_out < worth_on(link, row["most"])
        ):
            continue
        await connection.execute(
            """
            INSERT INTO referrals (link, id, outward, request, week, made, hour, vetting)
            VALUES ($1, $2, true, $3, $4, $5, $6, $7)
            """,
            *(link.id, entropy(ID_BYTES), row["number"], row["week"], now, hour, row["vetting"]),
        )


async def _read_room(connection: Reader) -> dict[bytes, int]:
    """How many more requests may be open at each neighbour that has some; others have none."""
    rows = await connection.fetch(
        """
        SELECT referrals.link, count(DISTINCT request) AS open FROM referrals
            JOIN help_requests ON help_requests.number = referrals.request
        WHERE outward AND help_requests.status = 'open' GROUP BY referrals.link
        """
    )
    return {row["link"]: OPEN_MAX - row["open"] for row in rows}


def worth_on(link: Link, amount: int) -> int:
    """What so much of ours is on a link, rounded up."""
    return -(-amount * link.ours.linked // link.ours.own)


def worth_there(link: Link, amount: int) -> int:
    """What so much of ours is in the neighbour's minor units, rounded down."""
    ours, theirs = link.ours, link.theirs
    return amount * ours.linked * theirs.own // (ours.own * theirs.linked)


async def write_wants(
    connection: Reader, links: Mapping[bytes, Link], zone: ZoneInfo, now: int
) -> None:
    """Write anew our half of what changed. Inside a transaction."""
    rows = await connection.fetch(
        f"""
        SELECT referrals.number AS referral, referrals.link AS via, id, seq, half,
            referrals.vetting AS level, referrals.hour AS worth, same_grid AND refer AS near,
            {ALLOWED} AND {member_condition("asker")}
                AND referrals.week = ({_FIRST_OPEN}) AS allowed,
            referrals.week, name, handle, contact, request.*
        FROM referrals JOIN help_requests AS request ON request.number = referrals.request
            JOIN referral_terms AS terms ON terms.link = referrals.link
            LEFT JOIN people ON people.person = asker
            LEFT JOIN profiles ON profiles.person = asker
        WHERE outward AND ends + referrals.week * {WEEK_MS}::bigint > $1
        ORDER BY referrals.number
        """,
        now - LIVE_MS,
    )
    numbers = [row["number"] for row in rows]
    windows = _grouped(
        "request",
        await connection.fetch(
            "SELECT * FROM help_windows WHERE request = ANY($1::bigint[])", numbers
        ),
    )
    verdicts = await _read_verdicts(connection, [row["referral"] for row in rows])
    for row in rows:
        want = _make_want(
            row, windows.get(row["number"], []), verdicts.get(row["referral"], []), links, zone
        )
        try:
            await _write_half(connection, row, want)
        except MalformedObject as error:  # one that cannot be written stops no other
            log.error("want_not_written", referral=row["referral"], reason=str(error))


async def _write_half(connection: Reader, row: asyncpg.Record, want: Want) -> None:
    """Keep a half that is not the one that was kept, under the next number."""
    if not _fits(want):
        # All that is written may be longer together than a half: what comes after the visits can
        # be said otherwise.
        want = want._replace(verdicts=tuple(v._replace(thanks=b"") for v in want.verdicts))
    if row["half"] == encode_want(want._replace(seq=max(1, row["seq"]))):
        return
    seq = row["seq"] + 1
    await connection.execute(
        "UPDATE referrals SET half = $2, seq = $3 WHERE number = $1",
        *(row["referral"], encode_want(want._replace(seq=seq)), seq),
    )


def _fits(want: Want) -> bool:
    try:
        encode_want(want._replace(seq=AMOUNT_MAX))
    except MalformedObject:
        return False
    return True


def _grouped(by: str, rows: Sequence[asyncpg.Record]) -> dict[int, list[asyncpg.Record]]:
    found: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row[by], []).append(row)
    return found


async def _read_verdicts(
    connection: Reader, referrals: list[int]
) -> dict[int, list[asyncpg.Record]]:
    rows = await connection.fetch(
        """
        SELECT referral, referral_offers.offer, refused, visits.status, minutes, payment, thanks,
            ended_by
        FROM referral_offers LEFT JOIN visits ON visits.offer = referral_offers.number
        WHERE referral = ANY($1::bigint[])
        ORDER BY referral, visits.status IS NULL, referral_offers.offer DESC
        """,
        referrals,
    )
    return _grouped("referral", rows)


def _make_want(
    row: asyncpg.Record,
    windows: list[asyncpg.Record],
    offers: list[asyncpg.Record],
    links: Mapping[bytes, Link],
    zone: ZoneInfo,
) -> Want:
    state = "over" if row["status"] in ("cancelled", "over") else "settled"
    if row["status"] == "open" and row["allowed"] and links[row["via"]].takes_payments:
        state = "open"
    picks = row["picks"] and state == "open"
    verdicts = tuple(_judge(each, picks=picks) for each in offers[:OFFERS_MAX])
    has_agreed = any(each["status"] in AGREED for each in offers)
    spot: tuple[tuple[int, int], ...] = ()
    is_erased = row["asker"] is None
    if row["near"] and row["easting"] is not None and not is_erased:
        spot = ((_coarse(row["easting"]), _coarse(row["northing"])),)
    return Want(
        id=row["id"],
        seq=1,
        state=state,
        category=row["category"],
        area=shown_bytes(row["area"], LINE_BYTES_MAX),
        spot=spot,
        minutes=row["minutes"],
        places=row["helpers"],
        picks=int(row["picks"]),
        windows=_moments(windows, row["week"] * WEEK, row["minutes"], zone),
        traits=tuple(row["traits"]),
        language=b"" if is_erased else shown_bytes(row["language"], LINE_BYTES_MAX),
        vetting=row["level"],
        hour=row["worth"],
        who=(_tell_who(row),) if has_agreed and row["name"] is not None else (),
        verdicts=tuple(sorted(verdicts)),
    )


def _moments(
    windows: list[asyncpg.Record], later: int, minutes: int, zone: ZoneInfo
) -> tuple[tuple[int, int], ...]:
    """When it is wanted, so many minutes ``later``, without what the clock leaves out."""
    spans = [(each["begins"] + later, each["ends"] + later) for each in windows]
    found = [(moment_at(begins, zone), moment_at(ends, zone)) for begins, ends in spans]
    return tuple(sorted(pair for pair in found if pair[1] - pair[0] >= minutes * 60_000))


def _judge(offer: asyncpg.Record, *, picks: bool) -> Verdict:
    """What we say of an offer: by the visit that it has, if it has one."""
    status = offer["status"]
    if status is None:
        word = offer["refused"] or ("held" if picks else "late")
        return Verdict(offer["offer"], word, 0, "", b"", b"")
    if status in AGREED:
        by_us = offer["ended_by"] is not None
        return Verdict(
            offer["offer"],
            "accepted",
            min(offer["minutes"], TAKEN_MINUTES_MAX) if status in ("done", "paid") else 0,
            "helper" if status == "missed" and by_us else "",
            offer["payment"] or b"",
            shown_bytes(offer["thanks"], PROSE_BYTES_MAX),
        )
    return Verdict(offer["offer"], "held" if status == "held" else "cancelled", 0, "", b"", b"")


def _tell_who(row: asyncpg.Record) -> Who:
    return Who(
        shown_bytes(row["name"] or "", LINE_BYTES_MAX),
        (row["handle"] or "")[:NAME_MAX],
        shown_bytes(row["contact"] or "", LINE_BYTES_MAX),
        shown_bytes(row["address"], PROSE_BYTES_MAX),
        shown_bytes(row["private"], PROSE_BYTES_MAX),
    )


def _coarse(metres: int) -> int:
    """The middle of the square that it is in: no finer than anybody outside has to know."""
    return metres // SPOT_SIDE * SPOT_SIDE + SPOT_SIDE // 2


def _instead(character: str) -> str:
    """A space for a space of another width, nothing for what is not seen."""
    return " " if character.isspace() else ""


def shown_bytes(text: str, bytes_max: int) -> bytes:
    """A text without what other circles refuse to show, cut to so many bytes."""
    kept = "".join(each if each == "\n" or is_printable(each) else _instead(each) for each in text)
    return kept.encode()[:bytes_max].decode(errors="ignore").encode()
