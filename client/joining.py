"""Becoming a member: with an invitation, or with a new device of a person who is one.

The device's key is on the disk before the circle hears of it. What is interrupted is taken up again
by the same call; what is refused leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from client import limits
from client.address import Invitation
from client.answers import FINAL_CODES
from client.clock import unix_ms
from client.drafts import Draft, Signatory
from client.errors import AlreadyMember, NodeRefused
from client.keystore import KeyStore, UnlockedMembership
from client.member import Member
from client.node_client import NodeClient
from client.receipts import Proved
from client.records import Membership, PinnedCircle
from client.transport import Patience
from ledger import keys
from ledger.declarations import sign_invitation
from ledger.orders import Enrol, Join
from ledger.paper import invitation_seed


@dataclass(frozen=True, slots=True)
class NewDevice:
    """How this device is kept: its label for the circle, and its name and passphrase here.

    Without a ``name`` the membership is called after the circle.
    """

    label: str = "computer"
    name: str | None = None
    passphrase: str | None = field(default=None, repr=False)


async def join(
    store: KeyStore,
    invitation: Invitation,
    handle: str,
    full_name: str,
    device: NewDevice | None = None,
    *,
    again: bool = False,
    patience: Patience | None = None,
    clock: Callable[[], int] = unix_ms,
) -> Membership:
    """Join a circle with a one-time invitation, as ``handle`` and ``full_name``.

    An earlier attempt that has no answer yet goes first, whatever it asked for. Raises InputRefused
    for names that no circle takes, AlreadyMember where this device is in the circle, unless
    ``again``; NodeRefused when the invitation is unusable or the handle taken, CircleChanged when
    the node cannot prove which circle it speaks for, and the errors of the node and the key store.
    """
    limits.check_handle(handle)
    limits.check_name(full_name)
    seed = invitation_seed(invitation.code)
    at = invitation.node_url
    async with _newcomer(store, at, device, patience, clock, again=again) as member:
        circle, key = member.circle.circle_id, member.membership.device_key
        act = Join(keys.public_key(seed), sign_invitation(circle, key, seed))
        resent = [each.outcome for each in await member.resend()]
        for outcome in resent:
            if isinstance(outcome, NodeRefused) and outcome.problem not in FINAL_CODES:
                raise outcome
        if not any(isinstance(outcome, Proved) for outcome in resent):
            await member.order(Draft(act, text=f"{handle}\n{full_name}"))
        await member.me()
        return member.membership


async def enrolment_of(
    store: KeyStore,
    node_url: str,
    device: NewDevice | None = None,
    *,
    patience: Patience | None = None,
    clock: Callable[[], int] = unix_ms,
) -> tuple[Membership, bytes]:
    """A new device's signed enrolment, for an older device or a coordinator to bring in.

    The membership stays pending until they did.
    """
    async with _newcomer(store, node_url, device, patience, clock) as member:
        return member.membership, member.enrolment(clock())


async def recover(
    store: KeyStore,
    node_url: str,
    sheet_seed: bytes,
    device: NewDevice | None = None,
    *,
    patience: Patience | None = None,
    clock: Callable[[], int] = unix_ms,
) -> Membership:
    """Bring in this device with the key (32 bytes) on a printed recovery sheet.

    Raises NodeRefused, also when the circle does not know the sheet.
    """
    async with _newcomer(store, node_url, device, patience, clock) as member:
        person = (await (await member.session_of(sheet_seed)).me()).person
        enrolment = member.enrolment(clock())
        draft = Draft(Enrol(person, enrolment, "device", 0))
        # The enrolment tells its time, so that no two are alike: one key needs one order only.
        intent = f"recover {member.membership.device_key.hex()}"
        await member.order(draft, signatory=Signatory(person, sheet_seed), intent=intent)
        await member.me()
        return member.membership


@asynccontextmanager
async def _newcomer(
    store: KeyStore,
    node_url: str,
    device: NewDevice | None,
    patience: Patience | None,
    clock: Callable[[], int],
    *,
    again: bool = True,
) -> AsyncIterator[Member]:
    """A pending membership of the circle at an address: one that is there already, or a new one.

    A new one is discarded when the circle refuses it. Beside one that the circle knows, there is
    another only if ``again``.
    """
    device = device or NewDevice()
    limits.check_label(device.label)
    async with NodeClient(node_url, patience) as node:
        circle = (await node.well_known()).pinned(node.node_url)
        unlocked, is_new = await asyncio.to_thread(_pending, store, circle, device, again)
        member = Member(store, unlocked, node, device.passphrase, clock)
        try:
            yield member
        except NodeRefused:
            if is_new and member.membership.is_pending and not member.journal.unanswered():
                await asyncio.to_thread(store.discard_pending, unlocked.membership.name)
            raise


def _pending(
    store: KeyStore, circle: PinnedCircle, device: NewDevice, again: bool
) -> tuple[UnlockedMembership, bool]:
    here = [each for each in store.memberships() if each.circle.circle_id == circle.circle_id]
    for membership in here:
        if membership.is_pending and device.name in (None, membership.name):
            return store.load(membership.name, device.passphrase), False
    for membership in here:
        if not membership.is_pending and not again:
            raise AlreadyMember(circle.name, membership.name)
    name = device.name or store.free_name(circle.name)
    return store.create(name, circle, device.label, passphrase=device.passphrase), True
