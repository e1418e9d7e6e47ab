"""How each change of an entry is written: one row put or removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.state import (
    Change,
    Device,
    EndHold,
    EndInvitation,
    EndMandate,
    EndOffice,
    Invitation,
    LivingMandate,
    MarkRequest,
    MarkReversed,
    MarkSlip,
    OpenHold,
    PutAccount,
    PutDevice,
    PutHold,
    PutInvitation,
    PutMandate,
    PutOffice,
    PutRules,
)
from node.connections import Connection


async def write_changes(
    connection: Connection, batch: Iterable[tuple[int, Iterable[Change]]]
) -> None:
    """Write the changes of a batch's entries, in their order. Accounts' own rows are written
    before; of what is set aside only how it ends is written, since nothing else looks at it."""
    holds: dict[int, OpenHold | None] = {}
    for entry, changes in batch:
        for change in changes:
            match change:
                case PutHold(hold):
                    holds[hold.index] = hold
                case EndHold(index):
                    holds[index] = None
                case _:
                    await _write_change(connection, entry, change)
    ended = [index for index, hold in holds.items() if hold is None]
    if ended:
        await connection.execute("DELETE FROM holds WHERE index = ANY($1)", ended)
    await _put_holds(connection, [hold for hold in holds.values() if hold is not None])


async def _write_change(connection: Connection, entry: int, change: Change) -> None:
    """Write one change of an entry, of another kind than these."""
    match change:
        case PutAccount(number=number, holders=holders):
            await _put_holders(connection, number, holders)
        case PutDevice(device):
            await _put_device(connection, device)
        case PutMandate(mandate):
            await _put_mandate(connection, mandate)
        case EndMandate(index):
            await connection.execute("DELETE FROM mandates WHERE index = $1", index)
        case PutInvitation(invitation):
            await _put_invitation(connection, invitation)
        case EndInvitation(key):
            await connection.execute("DELETE FROM invitations WHERE key = $1", key)
        case PutOffice(person, office):
            await connection.execute("INSERT INTO offices VALUES ($1, $2)", person, office)
        case EndOffice(person, office):
            await connection.execute(
                "DELETE FROM offices WHERE person = $1 AND office = $2", person, office
            )
        case PutRules(_, encoded):
            await connection.execute("UPDATE rules SET encoded = $1", encoded)
        case MarkReversed(index):
            await connection.execute("INSERT INTO reversals VALUES ($1, $2)", index, entry)
        case MarkSlip(channel, number):
            await connection.execute(
                "INSERT INTO slips VALUES ($1, $2, $3)", channel, number, entry
            )
        case MarkRequest(request):
            await connection.execute(
                "UPDATE requests SET paid_by = $2 WHERE id = $1", request, entry
            )
        case _:
            pass  # between circles: written for the whole batch, in node/federation/changes.py


async def _put_holders(connection: Connection, account: int, holders: frozenset[int]) -> None:
    await connection.execute(
        "INSERT INTO persons SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING", list(holders)
    )
    await connection.execute(
        "DELETE FROM holders WHERE account = $1 AND person <> ALL($2)", account, list(holders)
    )
    await connection.execute(
        """
        INSERT INTO holders SELECT $1, person FROM unnest($2::bigint[]) AS person
        ON CONFLICT DO NOTHING
        """,
        account,
        list(holders),
    )


async def _put_device(connection: Connection, device: Device) -> None:
    await connection.execute(
        """
        INSERT INTO devices (key, person, role, label, status, active_from, capped_until, spent)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (key) DO UPDATE SET status = excluded.status, spent = excluded.spent
        """,
        device.key,
        device.person,
        device.role,
        device.label,
        device.status,
        device.active_from,
        device.capped_until,
        device.spent,
    )


async def _put_holds(connection: Connection, holds: Sequence[OpenHold]) -> None:
    if not holds:
        return
    rows = [
        (
            hold.index,
            hold.account,
            hold.payee,
            hold.amount,
            hold.until,
            hold.claim_window,
            hold.coordinator,
            hold.evidence,
            *(hold.claimed or (None, None)),
            hold.counted,
        )
        for hold in holds
    ]
    await connection.execute(
        """
        INSERT INTO holds (index, account, payee, amount, until, claim_window, coordinator,
            evidence, claimed_at, claimed, counted)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
            $6::bigint[], $7::boolean[], $8::bytea[], $9::bigint[], $10::bigint[], $11::boolean[])
        ON CONFLICT (index) DO UPDATE
            SET account = excluded.account, payee = excluded.payee,
                claim_window = excluded.claim_window, claimed_at = excluded.claimed_at,
                claimed = excluded.claimed
        """,
        *zip(*rows, strict=True),
    )


async def _put_mandate(connection: Connection, mandate: LivingMandate) -> None:
    await connection.execute(
        """
        INSERT INTO mandates (index, account, person, scope, cap, "window", until, window_began,
            used)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (index) DO UPDATE
            SET window_began = excluded.window_began, used = excluded.used
        """,
        mandate.index,
        mandate.account,
        mandate.person,
        list(mandate.scope),
        mandate.cap,
        mandate.window,
        mandate.until,
        mandate.window_began,
        mandate.used,
    )


async def _put_invitation(connection: Connection, invitation: Invitation) -> None:
    await connection.execute(
        """
        INSERT INTO invitations (key, index, floor, ceiling, starter, office, until)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        invitation.key,
        invitation.index,
        invitation.floor,
        invitation.ceiling,
        invitation.starter,
        invitation.office,
        invitation.until,
    )
