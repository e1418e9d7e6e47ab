"""How each change of an entry is written: one row put or removed."""

from __future__ import annotations

from collections.abc import Iterable

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


async def write_changes(connection: Connection, entry: int, changes: Iterable[Change]) -> None:
    """Write the changes of one entry, in their order. Accounts' own rows are written before."""
    for change in changes:
        match change:
            case PutAccount(number=number, holders=holders):
                await _put_holders(connection, number, holders)
            case PutDevice(device):
                await _put_device(connection, device)
            case PutHold(hold):
                await _put_hold(connection, hold)
            case EndHold(index):
                await connection.execute("DELETE FROM holds WHERE index = $1", index)
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


async def _put_hold(connection: Connection, hold: OpenHold) -> None:
    claimed_at, claimed = hold.claimed or (None, None)
    await connection.execute(
        """
        INSERT INTO holds (index, account, payee, amount, until, claim_window, coordinator,
            evidence, claimed_at, claimed, counted)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (index) DO UPDATE
            SET claimed_at = excluded.claimed_at, claimed = excluded.claimed
        """,
        hold.index,
        hold.account,
        hold.payee,
        hold.amount,
        hold.until,
        hold.claim_window,
        hold.coordinator,
        hold.evidence,
        claimed_at,
        claimed,
        hold.counted,
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
