"""What a signed-in person has: accounts, devices, mandates, and what is set aside."""

from __future__ import annotations

from ledger.codec import AMOUNT_MAX
from node.api.accounts import Account, OpenHold, read_accounts, read_holds
from node.api.names import names_of_persons, parties_of
from node.api.orders import Model
from node.api.sessions import Session
from node.circle import Circle
from node.connections import Reader

DEVICES_MAX = 100
"""Of one person in one answer: the newest, those in use first."""
MANDATES_MAX = 500


class Device(Model):
    """A key that signs for a person. ``key`` is hexadecimal, times Unix milliseconds.

    ``role`` is device, recovery or paper; ``status`` active, frozen or revoked. It signs from
    ``active_from`` on, and moves little until ``capped_until``.
    """

    key: str
    role: str
    label: str
    status: str
    active_from: int
    capped_until: int


class Mandate(Model):
    """Lets ``person`` act for ``account`` until ``until``, as the entry ``index`` says.

    At most ``cap`` minor units go in each ``window`` milliseconds, of which ``used`` are since
    ``window_began``. ``given`` is false for those received. The names are the account's and the
    person's.
    """

    index: int
    account: int
    account_handle: str | None
    account_name: str | None
    person: int
    person_handle: str | None
    person_name: str | None
    scope: list[str]
    cap: int
    window: int
    until: int
    window_began: int
    used: int
    given: bool


class Notice(Model):
    """Something the person should know of: about the device ``key``, from or until ``time``."""

    code: str
    text: str
    key: str
    time: int


class Me(Model):
    """The person whose device asks. The holds are those from and for the person's accounts."""

    person: int
    handle: str | None
    name: str | None
    offices: list[str]
    device: str
    accounts: list[Account]
    devices: list[Device]
    mandates: list[Mandate]
    holds: list[OpenHold]
    notices: list[Notice]


async def get_me(state: Circle, session: Session) -> Me:
    """Who I am here, and all that is mine.

    The notices tell of devices that were enrolled and still wait, or that can only move little yet:
    a device that nobody of the household knows should be vetoed or reported.
    """
    person = session.person
    async with (
        state.pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        names = (await names_of_persons(connection, [person]))[person]
        numbers = await read_holdings(connection, person)
        devices = await read_devices(connection, person)
        return Me(
            person=person,
            handle=names.handle,
            name=names.name,
            offices=sorted(session.offices),
            device=session.device.hex(),
            accounts=await read_accounts(connection, numbers),
            devices=devices,
            mandates=await read_mandates(connection, person, numbers),
            holds=await read_holds(connection, numbers),
            notices=tell_of_devices(devices, state.clock()),
        )


async def read_holdings(connection: Reader, person: int) -> list[int]:
    """The accounts that a person holds, closed ones too."""
    rows = await connection.fetch(
        "SELECT account FROM holders WHERE person = $1 ORDER BY account", person
    )
    return [row["account"] for row in rows]


async def read_devices(connection: Reader, person: int) -> list[Device]:
    """A person's devices, those in use first."""
    rows = await connection.fetch(
        """
        SELECT encode(key, 'hex') AS key, role, label, status, active_from, capped_until
        FROM devices WHERE person = $1
        ORDER BY status = 'revoked', active_from DESC, key LIMIT $2
        """,
        person,
        DEVICES_MAX,
    )
    return [Device(**row) for row in rows]


async def read_mandates(connection: Reader, person: int, accounts: list[int]) -> list[Mandate]:
    """The living mandates given on these accounts, and those that the person received."""
    rows = await connection.fetch(
        """
        SELECT index, account, person, scope, cap, "window", until, window_began, used
        FROM mandates WHERE account = ANY($1::bigint[])
        UNION
        SELECT index, account, person, scope, cap, "window", until, window_began, used
        FROM mandates WHERE person = $2
        ORDER BY index LIMIT $3
        """,
        accounts,
        person,
        MANDATES_MAX,
    )
    parties = await parties_of(connection, {row["account"] for row in rows})
    names = await names_of_persons(connection, {row["person"] for row in rows})
    return [
        Mandate(
            **row,
            account_handle=parties[row["account"]].handle,
            account_name=parties[row["account"]].name,
            person_handle=names[row["person"]].handle,
            person_name=names[row["person"]].name,
            given=row["account"] in accounts,
        )
        for row in rows
    ]


def tell_of_devices(devices: list[Device], now: int) -> list[Notice]:
    """What a person's other devices are told of a new one (``now`` in Unix milliseconds)."""
    notices = []
    for device in devices:
        if device.status != "active" or device.role == "paper":
            continue
        if device.active_from > now:
            text = f"A new device ({device.label}) waits to be used; veto it if you do not know it."
            notices.append(
                Notice(code="device-waits", text=text, key=device.key, time=device.active_from)
            )
        elif now < device.capped_until <= AMOUNT_MAX:
            text = f"A new device ({device.label}) is in its first week; revoke it if unknown."
            notices.append(
                Notice(code="device-new", text=text, key=device.key, time=device.capped_until)
            )
    return notices
