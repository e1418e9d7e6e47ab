"""Other circles: their exchanges and agreements with this one, and how it stands with each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ledger.codec import from_base64url, to_base64url
from ledger.federation.agreement import Party, sign_agreement
from ledger.federation.payment import Status, decode_header, sign_status
from node.api.orders import Base64, Model
from node.circle import Circle
from node.errors import NotFound
from node.federation.agreements import Identity, check_concluded, offer, open_agreed, party_of
from node.http.reply import Reply

OCTETS = "application/octet-stream"
Hexadecimal = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class IdentityView(Model):
    """Who a circle is: its identity key, its certificate, the one's signature over the other."""

    identity: Base64
    certificate: Base64
    certificate_signature: Base64
    name: Annotated[str, Field(min_length=1, max_length=200)]

    def read(self) -> Identity:
        return Identity(
            from_base64url(self.identity, "identity key"),
            from_base64url(self.certificate, "certificate"),
            from_base64url(self.certificate_signature, "signature"),
            self.name,
        )


class AgreementRequest(Model):
    """A circle asks for the agreement that an invitation offers.

    ``own`` of its minor units are worth ``linked`` of the link's unit.
    """

    code: Base64
    who: IdentityView
    url: Annotated[str, Field(min_length=1, max_length=255)]
    own: Count
    linked: Count


class AgreementOffer(Model):
    """The agreement's body, this circle's signature, and who this circle is."""

    agreement: Base64
    signature: Base64
    who: IdentityView


class ConcludedAgreement(Model):
    """An agreement that both circles signed: [body, low's signature, high's signature]."""

    agreement: Base64
    who: IdentityView


class PeerView(Model):
    """How this circle stands with another. Amounts are in the link's unit.

    ``owed`` is what the other owes this circle, negative when it is this one that owes. ``room_in``
    is how much more may come from it, ``room_out`` how much more may go. ``statement`` is the
    newest by which the other confirmed this circle's books, [body, its signature], or null.
    """

    circle: str
    name: str
    address: str
    url: str
    unit: str
    status: Annotated[str, Field(description="open, suspended, frozen, lost or left")]
    suspended_by_peer: bool
    owed: int
    incoming: int
    outgoing: int
    room_in: int
    room_out: int
    may_owe: int
    may_be_owed: int
    own: int
    linked: int
    peer_own: int
    peer_linked: int
    rounding_millionths: int
    account: int
    messages_sent: int
    messages_received: int
    acknowledged: int
    agreement: Base64
    statement: Base64 | None
    confirmed: bool
    contradictions: Annotated[
        int,
        Field(
            description="How many things it signed that cannot be: the circle's coordinator has"
            " the proof, and can hand it to anybody (protocol.md, Evidence)"
        ),
    ]


class PeerList(Model):
    """Every circle that this one has an agreement with."""

    peers: list[PeerView]


class PaymentStatus(Model):
    """The decider's signed word on a payment: [body, signature] (protocol.md, "Status")."""

    status: Base64
    verdict: Literal["committed", "refused", "unknown"]
    commit: Base64 | None


async def exchange(state: Circle, body: bytes) -> Reply:
    """Take a peer's statement and messages, and answer with this circle's."""
    return Reply(await state.peers.answer(body), content_type=OCTETS)


async def ask_agreement(state: Circle, body: AgreementRequest) -> AgreementOffer:
    """Offer the agreement of an invitation, signed by this circle."""
    certificate = body.who.read().open()
    loaded = state.writer.loaded
    theirs: Party = party_of(certificate, body.url, body.own, body.linked, 0)
    async with state.pool.acquire() as connection:
        agreed = await offer(
            connection,
            from_base64url(body.code, "code"),
            loaded.certificate,
            state.address,
            theirs,
            state.clock(),
        )
    return AgreementOffer(
        agreement=to_base64url(agreed),
        signature=to_base64url(sign_agreement(agreed, state.peers.keyring.link)),
        who=IdentityView(
            identity=to_base64url(loaded.charter.identity),
            certificate=to_base64url(loaded.charter.certificate),
            certificate_signature=to_base64url(loaded.charter.signature),
            name=loaded.state.rules.name.decode(),
        ),
    )


async def conclude_agreement(state: Circle, body: ConcludedAgreement) -> PeerList:
    """Open the link of an agreement that this circle offered and both have signed."""
    wire = from_base64url(body.agreement, "agreement")
    async with state.pool.acquire() as connection:
        agreement = await check_concluded(connection, wire)
    await open_agreed(state.writer, state.pool, wire, body.who.read())
    other = agreement.other(state.writer.loaded.state.circle).circle
    shown = await list_peers(state)
    return PeerList(peers=[peer for peer in shown.peers if peer.circle == other.hex()])


async def list_peers(state: Circle) -> PeerList:
    """How this circle stands with every other it has an agreement with: open to all."""
    names = {
        row["link"]: row["title"] for row in await state.pool.fetch("SELECT link, title FROM peers")
    }
    counts = {
        row["link"]: row["found"]
        for row in await state.pool.fetch(
            "SELECT link, count(*) AS found FROM evidence GROUP BY link"
        )
    }
    views = []
    for link in state.writer.loaded.links.values():
        ours, theirs = link.ours, link.theirs
        views.append(
            PeerView(
                circle=link.peer.hex(),
                name=names.get(link.id, theirs.origin),
                address=theirs.origin.partition("/")[0],
                url=theirs.url,
                unit=link.terms.unit.decode(),
                status=link.standing,
                suspended_by_peer=link.peer_suspended,
                owed=link.owed,
                incoming=link.incoming,
                outgoing=link.outgoing,
                room_in=link.room_in,
                room_out=link.room_out,
                may_owe=link.may_owe,
                may_be_owed=link.may_be_owed,
                own=ours.own,
                linked=ours.linked,
                peer_own=theirs.own,
                peer_linked=theirs.linked,
                rounding_millionths=link.rounding,
                account=link.account,
                messages_sent=link.sent.seq,
                messages_received=link.received.seq,
                acknowledged=link.acked,
                agreement=to_base64url(link.agreement),
                statement=to_base64url(link.agreed) if link.agreed else None,
                confirmed=bool(link.agreed) and link.acked == link.sent.seq,
                contradictions=counts.get(link.id, 0),
            )
        )
    return PeerList(peers=sorted(views, key=lambda view: (view.name, view.circle)))


async def get_status(state: Circle, payment: Hexadecimal) -> PaymentStatus:
    """This circle's signed word, as its decider, on a payment: committed, refused, or unknown."""
    identity = bytes.fromhex(payment)
    row = await state.pool.fetchrow(
        "SELECT header, status, commit FROM transits WHERE payment = $1", identity
    )
    circle = state.writer.loaded.state.circle
    verdict: Literal["committed", "refused", "unknown"] = "unknown"
    commit = b""
    if row is not None:
        if decode_header(row["header"]).decider != circle:
            raise NotFound("payment that this circle decides")
        commit = row["commit"]
        verdict = "committed" if commit else "refused"
        if row["status"] == "open" and not commit:
            verdict = "unknown"
    word = Status(identity, verdict, state.writer.loaded.state.log_time)
    return PaymentStatus(
        status=to_base64url(sign_status(word, state.peers.keyring.decision)),
        verdict=verdict,
        commit=to_base64url(commit) if commit else None,
    )
