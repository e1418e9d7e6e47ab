"""Gossip from those who mean ill: nothing false is kept, nothing true is pushed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec, keys
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.gossip import Forget, Meet, Persist, Pin, Publish, Receive, Refuse
from ledger.federation.gossip_envelope import (
    ENVELOPE_BYTES_MAX,
    PERIOD_MS,
    VERSION_MAX,
    Bulletin,
    Envelope,
    LinkPosition,
    Totals,
    Unit,
    encode_bulletin,
    encode_conflict,
    parse_bulletin,
    parse_conflict,
    parse_envelope,
    seal,
    verify_conflict,
)
from ledger.federation.gossip_exchange import (
    MESSAGE_BYTES_MAX,
    Message,
    encode_message,
    parse_message,
)
from ledger.federation.gossip_items import DIGITS_MAX, Kind, make_item
from ledger.federation.gossip_store import AHEAD_MS_MAX, SILENT_PERIODS, Limits, Reason
from tests.federation.gossip_circles import (
    NOW,
    Member,
    Speaker,
    exchange,
    member,
    replies,
    settle,
    talkative,
)

LATER = NOW + PERIOD_MS


def carrying(*envelopes: bytes, conflicts: tuple[bytes, ...] = ()) -> Receive:
    message = Message(envelopes=list(envelopes), conflicts=list(conflicts))
    return Receive(encode_message(message))


def resigned(envelope: Envelope, seed: bytes, **fields: object) -> bytes:
    """The envelope with other fields, signed by whoever has this seed."""
    content = {
        name: fields.get(name, getattr(envelope, name))
        for name in ("issuer", "epoch", "seq", "body")
    }
    unsigned = codec.encode((*content.values(), bytes(64)))
    signature = keys.sign(keys.GOSSIP, unsigned[:-66], seed)
    return codec.encode((*content.values(), signature))


def reasons(member: Member, *envelopes: Envelope, now: int = NOW) -> list[Reason]:
    return [e.reason for e in member.publish(*envelopes, now=now) if isinstance(e, Refuse)]


# --- one envelope ---------------------------------------------------------------------------------

ANN = Speaker("ann")
BEN = Speaker("ben")
NEXT = ANN.bulletin(LATER)

FORGED: dict[str, tuple[bytes, type[Exception]]] = {
    "a flipped bit in the body": (
        resigned(NEXT, ANN.seed("link 1"))[:-70] + b"\xff" + NEXT.data[-69:],
        InvalidSignature,
    ),
    "another circle's link key": (resigned(NEXT, BEN.seed("link 1")), InvalidSignature),
    "another role's key": (resigned(NEXT, ANN.seed("log 1")), InvalidSignature),
    "another issuer": (resigned(NEXT, BEN.seed("link 1"), issuer=ANN.id), InvalidSignature),
    "a number that was not signed": (
        codec.encode((ANN.id, 1, NEXT.seq + 1, NEXT.body, NEXT.signature)),
        InvalidSignature,
    ),
    "an announcement in another's name": (
        resigned(BEN.announcement(), BEN.seed("link 1"), issuer=ANN.id, epoch=2),
        MalformedObject,
    ),
    "an announcement of an epoch not certified": (
        resigned(ANN.announcement(), ANN.seed("link 1"), epoch=2),
        MalformedObject,
    ),
    "an announcement without the link key": (
        resigned(ANN.announcement(2), BEN.seed("link 2")),
        InvalidSignature,
    ),
    "a bulletin in place of a certificate": (
        resigned(NEXT, ANN.seed("link 1"), seq=0, epoch=2, body=b"\x93\x01\x02\x03"),
        MalformedObject,
    ),
    "an epoch beyond four bytes": (
        resigned(NEXT, ANN.seed("link 1"), epoch=VERSION_MAX + 1),
        MalformedObject,
    ),
    "a body beyond the limit": (
        resigned(NEXT, ANN.seed("link 1"), body=bytes(ENVELOPE_BYTES_MAX)),
        MalformedObject,
    ),
    "an integer written longer than it is": (
        NEXT.data.replace(b"\x01\xce", b"\xcc\x01\xce", 1),
        MalformedObject,
    ),
    "nothing": (b"", MalformedObject),
    "an array with no end": (b"\xdd\xff\xff\xff\xff", MalformedObject),
    "a deep array": (b"\x91" * 5000, MalformedObject),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_raises_and_changes_nothing(name: str) -> None:
    """Not even what came in the same message before it."""
    data, error = FORGED[name]
    reader = member("reader")
    reader.publish(ANN.announcement(), ANN.bulletin())
    before, rows = reader.digest, dict(reader.rows)
    genuine = (BEN.announcement().data, BEN.bulletin().data)
    for event in (carrying(*genuine, data or b"\xc0"), Publish((*genuine, data))):
        with pytest.raises(error):
            reader.step(event, LATER)
    assert (reader.digest, reader.rows, len(reader.store)) == (before, rows, 1)


def test_a_bulletin_without_a_known_key_is_not_kept() -> None:
    reader = member("reader")
    assert reasons(reader, ANN.bulletin()) == [Reason.KEYLESS]
    assert reasons(reader, ANN.announcement(), ANN.bulletin(epoch=2)) == [Reason.KEYLESS]
    assert len(reader.store) == 1
    assert reader.store[ANN.id].bulletin is None


def test_a_far_date_is_refused_and_does_not_silence_the_circle() -> None:
    """Whoever got a future bulletin signed, the circle is heard as before."""
    reader = member("reader")
    far = ANN.bulletin(NOW + AHEAD_MS_MAX + PERIOD_MS)
    assert reasons(reader, ANN.announcement(), far) == [Reason.EARLY]
    assert reasons(reader, ANN.bulletin()) == []
    assert reader.store[ANN.id].bulletin == ANN.bulletin()
    assert reasons(reader, far, now=far.issued - AHEAD_MS_MAX) == []
    assert reader.store[ANN.id].bulletin == far


def test_an_early_bulletin_is_not_asked_for() -> None:
    ahead, reader = member("ahead"), member("reader")
    far = NOW + 3 * PERIOD_MS
    ahead.publish(ANN.announcement(), ANN.bulletin(far), now=far)
    messages = exchange(reader, ahead) + exchange(ahead, reader)
    carried = [data for message in messages for data in parse_message(message).envelopes]
    assert carried == [ANN.announcement().data]


def test_an_older_bulletin_does_not_come_back() -> None:
    reader = member("reader")
    reader.publish(ANN.announcement(), NEXT, now=LATER)
    assert reader.publish(ANN.bulletin(NOW), now=LATER) == []
    assert reader.store[ANN.id].bulletin == NEXT


def test_epochs_that_chase_each_other_are_taken_every_ten_minutes() -> None:
    reader, fast = member("reader"), member("fast")
    reader.publish(ANN.announcement(1))
    fast.publish(ANN.announcement(2))
    assert reasons(reader, ANN.announcement(2), now=LATER - 1) == [Reason.HASTY]
    [_, *rest] = exchange(fast, reader, LATER - 1)
    assert not any(parse_message(message).wants for message in rest)
    assert reasons(reader, ANN.announcement(2), now=LATER) == []


def test_what_a_bulletin_says_is_passed_on_whatever_it_is() -> None:
    """A later version of the protocol may say more."""
    ann, ben = member("reader"), member("relay")
    odd = seal(ANN.id, 1, NOW // PERIOD_MS, b"\x00 what is this", ANN.seed("link 1"))
    ann.step(Pin(frozenset([ANN.id])))
    ann.publish(ANN.announcement(), odd)
    exchange(ann, ben)
    assert ben.store[ANN.id].bulletin == odd
    with pytest.raises(MalformedObject):
        parse_bulletin(odd.body)


SAID = parse_bulletin(ANN.bulletin(peers=[BEN.id]).body)
LINK = SAID.links[0]


@pytest.mark.parametrize(
    "bulletin",
    [
        SAID._replace(checkpoint=b"\xff"),
        SAID._replace(checkpoint=bytes(5000)),
        SAID._replace(totals=Totals(1, -1, 0)),
        SAID._replace(totals=Totals(1, 2**53, 0)),
        SAID._replace(endpoint="https://exämple"),
        SAID._replace(endpoint="x" * 256),
        SAID._replace(unit=Unit(b"a\nb", b"as", "decimal", 2)),
        SAID._replace(unit=Unit(b"\xff", b"as", "decimal", 2)),
        SAID._replace(unit=Unit(b"a", b"a\nb", "decimal", 2)),
        SAID._replace(unit=Unit(b"a", b"\xff", "decimal", 2)),
        SAID._replace(unit=Unit(b"a", b"as", "seconds", 2)),
        SAID._replace(links=(LINK, LINK)),
        SAID._replace(links=(LINK._replace(peer=b"\xff" * 32), LINK)),
        SAID._replace(links=(LINK._replace(unit=b""),)),
        SAID._replace(links=(LINK._replace(unit=bytes(41)),)),
        SAID._replace(links=(LINK._replace(unit=b"a\nb"),)),
        SAID._replace(links=(LINK._replace(unit=b"\xff"),)),
        SAID._replace(links=(LINK._replace(statement=bytes(513)),)),
        SAID._replace(links=(LINK._replace(denominator=0),)),
        SAID._replace(links=(LINK._replace(inward=-1),)),
        SAID._replace(
            links=tuple(LinkPosition(bytes([n]) * 32, b"m", b"", 1, 1, 0, 0) for n in range(65))
        ),
    ],
)
def test_a_bulletin_out_of_bounds_is_neither_written_nor_read(bulletin: Bulletin) -> None:
    with pytest.raises(MalformedObject):
        encode_bulletin(bulletin)
    with pytest.raises(MalformedObject):
        parse_bulletin(codec.encode(bulletin))


# --- conflicts ------------------------------------------------------------------------------------


def test_both_versions_of_a_conflict_are_kept_and_passed_on_once() -> None:
    """Two circles that heard different versions convict the liar when they meet."""
    ann, ben, cleo = member("reader"), member("other"), member("third")
    ann.publish(ANN.announcement(), ANN.bulletin(accounts=1))
    ben.publish(ANN.announcement(), ANN.bulletin(accounts=2))
    settle([ann, ben])
    exchange(cleo, ann)
    for each in (ann, ben, cleo, cleo.restored()):
        [conflict] = each.store.conflicts()
        verify_conflict(parse_conflict(encode_conflict(conflict)))
        versions = {conflict.first.data, conflict.second.data}
        assert versions == {ANN.bulletin(accounts=1).data, ANN.bulletin(accounts=2).data}
    settle([ann, ben, cleo])
    assert len(exchange(cleo, ben)) == 1


def test_a_third_version_makes_no_difference() -> None:
    """Or a liar could keep honest stores sending each other its versions for ever."""
    ann, ben = member("reader"), member("other")
    for each, versions in ((ann, (1, 2)), (ben, (3, 4))):
        each.publish(ANN.announcement(), *(ANN.bulletin(accounts=n) for n in versions))
    assert ann.digest == ben.digest
    assert ann.publish(ANN.bulletin(accounts=5)) == []


def test_a_convicted_circle_is_still_heard() -> None:
    ann, ben = member("reader"), member("other")
    ann.publish(ANN.announcement(), ANN.bulletin(accounts=1), ANN.bulletin(accounts=2))
    ann.publish(NEXT, now=LATER)
    exchange(ann, ben, LATER)
    assert ben.store[ANN.id].bulletin == NEXT
    assert len(list(ben.store.conflicts())) == 1


def test_two_certificates_for_an_epoch_end_it() -> None:
    """Stores with one or the other agree at once, blame each other for nothing, and so on."""
    ann, ben = member("reader"), member("other")
    ann.publish(ANN.announcement(), ANN.bulletin(NOW))
    ben.publish(ANN.announcement(fork="b"), ANN.bulletin(LATER, fork="b"), now=LATER)
    settle([ann, ben], LATER)
    for each in (ann, ben):
        [conflict] = each.store.conflicts()
        verify_conflict(conflict)
        assert conflict.announcement is None
        assert each.store[ANN.id].bulletin is None
        assert reasons(each, ANN.bulletin(LATER), now=LATER) == [Reason.OVER]
    assert len(exchange(ann, ben, LATER)) == 1
    much_later = LATER + PERIOD_MS
    ann.publish(ANN.announcement(2), ANN.bulletin(much_later, epoch=2), now=much_later)
    settle([ann, ben], much_later)
    assert ben.store[ANN.id].bulletin == ANN.bulletin(much_later, epoch=2)


def test_a_conflict_between_keys_weighs_more_than_one_between_bulletins() -> None:
    ann, ben = member("reader"), member("other")
    ann.publish(ANN.announcement(), ANN.bulletin(accounts=1), ANN.bulletin(accounts=2))
    ben.publish(ANN.announcement(fork="b"), ANN.bulletin(LATER, fork="b"), now=LATER)
    settle([ann, ben], LATER)
    assert all(c.announcement is None for each in (ann, ben) for c in each.store.conflicts())


def test_a_conflict_of_a_later_epoch_is_not_overwritten() -> None:
    """Or a liar could go to and fro between two proofs, and never come to rest."""
    ann, ben = member("reader"), member("other")
    for each, accounts in ((ann, 1), (ben, 2)):
        each.publish(ANN.announcement(), ANN.bulletin(accounts=accounts))
    judge = member("judge")
    judge.publish(ANN.announcement(9), *(ANN.bulletin(epoch=9, accounts=n) for n in (1, 2)))
    [conflict] = judge.store.conflicts()
    for each in (ann, ben):
        each.step(carrying(conflicts=(encode_conflict(conflict),)))
        assert each.store[ANN.id].bulletin is None
        assert reasons(each, ANN.bulletin(accounts=3)) == [Reason.OVER]
        assert [*each.store.conflicts()] == [conflict]
    assert ann.digest == ben.digest
    settle([ann, ben, judge], LATER)


ONE, TWO = sorted((ANN.bulletin(accounts=n) for n in (1, 2)), key=lambda each: each.id)
KEYS = ANN.announcement().data


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ((KEYS, ONE.data, ONE.data), MalformedObject),
        ((KEYS, TWO.data, ONE.data), MalformedObject),
        ((KEYS, ONE.data, NEXT.data), MalformedObject),
        ((KEYS, *sorted((ONE.data, BEN.bulletin().data))), MalformedObject),
        ((b"", ONE.data, TWO.data), MalformedObject),
        ((BEN.announcement().data, ONE.data, TWO.data), MalformedObject),
        ((ANN.announcement(2).data, ONE.data, TWO.data), MalformedObject),
        ((ANN.announcement(fork="b").data, ONE.data, TWO.data), InvalidSignature),
        ((KEYS, ONE.data, TWO.data[:-1] + bytes([TWO.data[-1] ^ 1])), InvalidSignature),
    ],
)
def test_a_conflict_that_proves_nothing_is_refused(
    parts: tuple[bytes, ...], error: type[Exception]
) -> None:
    reader = member("reader")
    with pytest.raises(error):
        reader.step(carrying(conflicts=(codec.encode(parts),)))
    assert len(reader.store) == 0


# --- messages -------------------------------------------------------------------------------------

ITEM = make_item(Kind.BULLETIN, ANN.id, (1, 5), b"")
OTHER_ITEM = make_item(Kind.CONFLICT, ANN.id, (1, 0), b"")


def message(**fields: object) -> bytes:
    empty: dict[str, object] = {
        "version": 1,
        **dict.fromkeys(("digests", "lists"), ()),
        **dict.fromkeys(("offers", "wants"), b""),
        **dict.fromkeys(("envelopes", "conflicts"), ()),
    }
    return codec.encode(tuple({**empty, **fields}.values()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc0",
        message() + b"\x00",
        message(version=2),
        message(digests=(("", bytes(16)),)),
        message(digests=(("1", bytes(32)),)),
        message(digests=(("g", bytes(16)),)),
        message(digests=(("A", bytes(16)),)),
        message(digests=(("1" * (DIGITS_MAX + 1), bytes(16)),)),
        message(digests=(("1", bytes(16)), ("1", bytes(16)))),
        message(digests=(("1", bytes(16)), ("1a", bytes(16)))),
        message(digests=(("2", bytes(16)), ("1", bytes(16)))),
        message(digests=tuple((f"{n:04x}", bytes(16)) for n in range(2049))),
        message(lists=(("1", ITEM[:-1]),)),
        message(lists=(("1", ITEM * 2),)),
        message(lists=(("", OTHER_ITEM + ITEM),)),
        message(lists=(("0", ITEM),)),
        message(lists=(("", b"\x30" + ITEM[1:]),)),
        message(lists=(("", ITEM), ("1", ITEM))),
        message(offers=ITEM * 2),
        message(offers=bytes(32 * 1025)),
        message(wants=bytes(7)),
        message(wants=bytes(8 * 1025)),
        message(envelopes=(b"",)),
        message(envelopes=tuple(bytes(1) for _ in range(1025))),
        message(envelopes=(bytes(ENVELOPE_BYTES_MAX + 1),)),
        bytes(MESSAGE_BYTES_MAX + 1),
        b"\xdd\xff\xff\xff\xff",
    ],
)
def test_a_malformed_message_is_refused(data: bytes) -> None:
    reader = talkative("reader")
    before = reader.digest
    with pytest.raises(MalformedObject):
        reader.step(Receive(data))
    assert reader.digest == before


@settings(max_examples=80)
@given(st.data())
def test_a_mangled_message_raises_or_does_no_harm(data: st.DataObject) -> None:
    """Whatever a partner makes of a genuine exchange, what is kept was signed by its issuer."""
    ann, ben = talkative("ann"), talkative("ben")
    going, receiver, sender = replies(ann.step(Meet(b""))), ben, ann
    while going:
        mangled = bytearray(going[0])
        for _ in range(data.draw(st.integers(0, 2))):
            mangled[data.draw(st.integers(0, len(mangled) - 1))] ^= data.draw(st.integers(1, 255))
        before = receiver.digest
        try:
            going = replies(receiver.step(Receive(bytes(mangled))))
        except (MalformedObject, InvalidSignature):
            assert receiver.digest == before
            break
        receiver, sender = sender, receiver
    genuine = {
        talkative(name).rows[kind, Speaker(name).id]
        for name in ("ann", "ben")
        for kind in (Kind.ANNOUNCEMENT, Kind.BULLETIN)
    }
    assert {*ann.rows.values(), *ben.rows.values()} <= genuine
    settle([ann, ben])


def test_an_answer_is_never_longer_than_a_message_may_be() -> None:
    """To whatever question: all prefixes at once, all items wanted, nothing had."""
    reader = member("reader")
    peers = [bytes([n]) * 32 for n in range(30)]
    for place in range(150):
        speaker = Speaker(f"m{place}")
        reader.publish(speaker.announcement(), speaker.bulletin(peers=peers))
    every = [item[:8] for item in reader.store.items.under("1")]
    prefixes = tuple((f"{n:03x}", bytes(16)) for n in range(2048))
    questions: list[Callable[[], bytes]] = [
        lambda: message(digests=prefixes),
        lambda: message(digests=(("", bytes(32)),), lists=(("", b""),)),
        lambda: message(lists=tuple((f"{n:03x}", b"") for n in range(2048)), wants=b"".join(every)),
    ]
    for question in questions:
        [answer] = replies(reader.step(Receive(question())))
        parse_message(answer)
        assert len(answer) < MESSAGE_BYTES_MAX


# --- room -----------------------------------------------------------------------------------------

SMALL = Limits(circles=20)


def crowd(number: int, time: int = NOW) -> list[Envelope]:
    speakers = [Speaker(f"invented {place}") for place in range(number)]
    return [
        envelope
        for speaker in speakers
        for envelope in (speaker.announcement(), speaker.bulletin(time))
    ]


def test_thousands_of_invented_circles_push_out_nobody_that_counts() -> None:
    """Neither our partners, nor whom they know, whether these came before or come after."""
    partner, known, late = Speaker("partner"), Speaker("known"), Speaker("late")
    reader = member("reader", [partner.id], SMALL)
    reader.publish(partner.announcement(), partner.bulletin(peers=[known.id, late.id]))
    reader.publish(known.announcement(), known.bulletin())
    invented = crowd(1000)
    for start in range(0, len(invented), 100):
        reader.publish(*invented[start : start + 100])
        assert len(reader.store) <= SMALL.circles
        assert len(reader.rows) <= 2 * SMALL.circles
    assert len(reader.store) == SMALL.circles
    effects = reader.publish(late.announcement(), late.bulletin())
    assert any(isinstance(effect, Forget) for effect in effects)
    for speaker in (partner, known, late):
        assert reader.store[speaker.id].bulletin is not None
    assert len(reader.store) == SMALL.circles
    assert reader.restored().digest == reader.digest


def test_a_full_store_asks_for_its_neighbours_and_leaves_the_rest() -> None:
    partner, known = Speaker("partner"), Speaker("known")
    reader = member("reader", [partner.id], SMALL)
    reader.publish(partner.announcement(), partner.bulletin(peers=[known.id]), *crowd(30))
    flooded = member("flooded")
    flooded.publish(*crowd(200), known.announcement(), known.bulletin())
    messages = exchange(reader, flooded)
    carried = {data for message in messages for data in parse_message(message).envelopes}
    neighbours = (partner.announcement(), partner.bulletin(peers=[known.id]))
    assert carried == {
        *(each.data for each in neighbours),
        *(known.announcement().data, known.bulletin().data),
    }
    assert reader.store[known.id].bulletin == known.bulletin()


def test_a_full_store_refuses_strangers_while_those_it_has_are_heard_of() -> None:
    reader = member("reader", limits=SMALL)
    reader.publish(*crowd(20))
    before = reader.digest
    assert reasons(reader, ANN.announcement(), ANN.bulletin()) == [Reason.FULL]
    assert reader.digest == before
    a_week = NOW + (SILENT_PERIODS + 1) * PERIOD_MS
    assert reasons(reader, ANN.announcement(), ANN.bulletin(NOW), now=a_week) == [Reason.FULL]
    assert reasons(reader, ANN.announcement(), ANN.bulletin(a_week), now=a_week) == []
    assert len(reader.store) == SMALL.circles


def test_bytes_are_bounded_too() -> None:
    """A circle whose bulletin grows beyond what there is room for stays with the one before."""
    peers = [bytes([n]) * 32 for n in range(60)]
    first = [Speaker(f"m{place}") for place in range(10)]
    limits = Limits(octets=40_000)
    reader = member("reader", [first[0].id], limits)
    for speaker in first:
        reader.publish(speaker.announcement(), speaker.bulletin(peers=peers))
        assert reader.store.octets <= limits.octets
        assert reader.store.octets == sum(map(len, reader.rows.values()))
    assert len(reader.store) == 2
    small = Speaker("small")
    reader.publish(small.announcement(), small.bulletin())
    grown = small.bulletin(LATER, peers=peers)
    assert reasons(reader, grown, now=LATER) == [Reason.FULL]
    assert reader.store[small.id].bulletin == small.bulletin()
    pinned = first[0].bulletin(LATER, peers=[*peers, b"\xff" * 32])
    assert reasons(reader, pinned, now=LATER) == []


def test_a_circle_no_longer_agreed_with_is_a_stranger() -> None:
    partner, known = Speaker("partner"), Speaker("known")
    reader = member("reader", [partner.id])
    reader.publish(partner.announcement(), partner.bulletin(peers=[known.id]))
    assert [reader.store.distance(each.id) for each in (partner, known, ANN)] == [0, 1, 2]
    reader.step(Pin(frozenset([ANN.id])))
    assert [reader.store.distance(each.id) for each in (partner, known, ANN)] == [2, 2, 0]


def test_forged_items_bring_nothing_but_a_question() -> None:
    """An offer of what does not exist is asked for, and that is all."""
    reader = talkative("reader")
    ghosts = sorted(
        make_item(Kind.BULLETIN, Speaker(f"ghost {n}").id, (1, NOW // PERIOD_MS), b"")
        for n in range(1000)
    )
    before, rows = reader.digest, dict(reader.rows)
    for _ in range(3):
        effects = reader.step(Receive(message(offers=b"".join(ghosts))))
        assert not [effect for effect in effects if isinstance(effect, Persist)]
        assert len(parse_message(replies(effects)[0]).wants) == 1000
    assert (reader.digest, reader.rows) == (before, rows)


def test_an_envelope_belongs_to_one_protocol() -> None:
    """A signature made for anything else is none here."""
    envelope = ANN.bulletin()
    body = envelope.data[:-66]
    for context in keys.CONTEXTS:
        if context != keys.GOSSIP:
            other = keys.sign(context, body, ANN.seed("link 1"))
            reader = member("reader")
            reader.publish(ANN.announcement())
            forged = replace(parse_envelope(envelope.data), signature=other)
            data = codec.encode(
                (forged.issuer, forged.epoch, forged.seq, forged.body, forged.signature)
            )
            with pytest.raises(InvalidSignature):
                reader.step(Publish((data,)))
