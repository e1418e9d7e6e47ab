"""Gossip between circles that mean well: everything reaches everyone, whatever the network does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.federation import gossip_items
from ledger.federation.gossip import Meet, Persist, Receive, Reply, choose_partner, due_number
from ledger.federation.gossip_envelope import (
    LINKS_MAX,
    PERIOD_MS,
    Bulletin,
    LinkPosition,
    Totals,
    Unit,
    encode_bulletin,
    open_announcement,
    parse_bulletin,
    parse_envelope,
)
from ledger.federation.gossip_exchange import LIST_ITEMS_MAX, parse_message
from ledger.federation.gossip_items import ItemSet, Kind, make_item
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


def test_one_exchange_makes_two_stores_alike() -> None:
    ann, ben = talkative("ann"), talkative("ben")
    exchange(ann, ben)
    assert ann.digest == ben.digest
    assert ann.store[ben.speaker.id].bulletin == ben.store[ben.speaker.id].bulletin
    assert len(ann.store) == 2


def test_an_exchange_between_equal_stores_is_one_digest() -> None:
    ann, ben = talkative("ann"), talkative("ben")
    exchange(ann, ben)
    [message] = exchange(ann, ben)
    assert len(message) <= 200


def test_an_update_alone_travels_when_all_else_is_known() -> None:
    ann, ben = talkative("ann"), talkative("ben")
    exchange(ann, ben)
    later = NOW + PERIOD_MS
    update = ann.speaker.bulletin(later)
    ann.publish(update, now=later)
    messages = [parse_message(data) for data in exchange(ben, ann, later)]
    assert [each.envelopes for each in messages if each.envelopes] == [[update.data]]
    assert ben.store[ann.speaker.id].bulletin == update


def test_a_circle_that_knows_one_node_hears_of_all() -> None:
    """A message carries so much only: the newcomer carries on until there is nothing more."""
    old = [talkative(f"old {place}") for place in range(40)]
    first, *others = old
    for other in others:
        exchange(first, other)
    new = talkative("new")
    while len(exchange(new, first)) > 1:
        pass
    assert len(new.store) == len(old) + 1
    assert new.digest == first.digest


def test_an_update_among_many_circles_costs_a_path_and_a_list() -> None:
    ann, ben = talkative("ann"), member("ben")
    for place in range(400):
        other = talkative(f"other {place}")
        ann.store.put(other.speaker.id, other.store[other.speaker.id])
    for circle in ann.store:
        ben.store.put(circle, ann.store[circle])
    later = NOW + PERIOD_MS
    update = ann.speaker.bulletin(later)
    ann.publish(update, now=later)
    spent = sum(map(len, exchange(ben, ann, later)))
    assert ben.digest == ann.digest
    assert spent - len(update.data) < 32 * LIST_ITEMS_MAX + 600


@settings(max_examples=30)
@given(st.data())
def test_stores_converge_under_loss_repetition_and_disorder(data: st.DataObject) -> None:
    """Whatever messages are lost, repeated or overtaken, a few undisturbed exchanges end it."""
    members = [talkative(f"m{place}") for place in range(data.draw(st.integers(2, 5)))]
    under_way: list[tuple[Member, bytes]] = []
    now = NOW
    for _ in range(data.draw(st.integers(0, 40))):
        one, other = data.draw(st.permutations(members))[:2]
        match data.draw(st.sampled_from(["meet", "deliver", "repeat", "lose", "issue", "crash"])):
            case "meet":
                under_way += ((other, sent) for sent in replies(one.step(Meet(b""), now)))
            case "issue":
                now += PERIOD_MS
                one.publish(one.speaker.bulletin(now), now=now)
            case "crash":
                one.store = one.restored().store
            case what if under_way:
                place = data.draw(st.integers(0, len(under_way) - 1))
                receiver, message = under_way[place]
                if what != "repeat":
                    del under_way[place]
                if what != "lose":
                    answers = replies(receiver.step(Receive(message), now))
                    under_way += ((other, answer) for answer in answers)
            case _:
                pass
    settle(members, now)
    for one in members:
        newest = one.store[one.speaker.id].bulletin
        assert all(each.store[one.speaker.id].bulletin == newest for each in members)


@settings(max_examples=25)
@given(st.permutations(range(6)), st.permutations(range(6)), st.lists(st.integers(0, 5)))
def test_order_and_repetition_do_not_matter(
    one_order: list[int], other_order: list[int], repeated: list[int]
) -> None:
    """Announcements first: without keys nothing can be judged."""
    ann, ben = Speaker("ann"), Speaker("ben")
    said = [
        *(ann.bulletin(NOW), ann.bulletin(NOW + PERIOD_MS), ann.bulletin(NOW - PERIOD_MS)),
        *(ben.bulletin(NOW), ben.bulletin(NOW, accounts=1), ben.bulletin(NOW, accounts=2)),
    ]
    stores = []
    for order in (one_order, [*other_order, *repeated]):
        reader = member("reader")
        reader.publish(ann.announcement(), ben.announcement())
        for place in order:
            reader.publish(said[place])
        stores.append(reader)
    assert stores[0].digest == stores[1].digest


def test_halves_that_were_apart_come_together() -> None:
    members = [talkative(f"m{place}") for place in range(8)]
    east, west = members[:4], members[4:]
    later = NOW + PERIOD_MS
    for half in (east, west):
        settle(half, later)
        for each in half:
            each.publish(each.speaker.bulletin(later), now=later)
        settle(half, later)
    assert east[0].digest != west[0].digest
    exchange(east[0], west[0], later)
    settle(members, later)
    assert len(west[0].store) == 8


def test_a_message_that_comes_again_changes_nothing_and_is_not_verified_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann, ben = talkative("ann"), talkative("ben")
    messages = exchange(ann, ben)
    before = ben.digest
    monkeypatch.delattr("ledger.keys.crypto_sign_open")
    for message in messages:
        for each in (ann, ben):
            assert not [e for e in each.step(Receive(message)) if isinstance(e, Persist)]
    assert ann.digest == ben.digest == before


def test_what_was_persisted_is_the_whole_store() -> None:
    ann, ben = talkative("ann"), talkative("ben")
    ann.publish(ann.speaker.bulletin(accounts=1))
    exchange(ann, ben)
    again = ben.restored()
    assert again.digest == ben.digest
    assert again.store.octets == ben.store.octets
    [conflict] = again.store.conflicts()
    assert conflict.first.issuer == ann.speaker.id


def test_every_answer_comes_after_what_is_to_be_persisted() -> None:
    ann, ben = talkative("ann"), talkative("ben")
    going, receiver, sender = replies(ann.step(Meet(b""))), ben, ann
    while going:
        effects = receiver.step(Receive(going[0]))
        assert not any(isinstance(effect, Reply) for effect in effects[:-1])
        going = replies(effects)
        receiver, sender = sender, receiver


def test_a_later_epoch_replaces_an_earlier_one() -> None:
    ann, ben = talkative("ann"), member("ben")
    exchange(ann, ben)
    later = NOW + PERIOD_MS
    ann.publish(ann.speaker.announcement(2), ann.speaker.bulletin(later, epoch=2), now=later)
    exchange(ben, ann, later)
    known = ben.store[ann.speaker.id]
    assert known.announcement is not None
    assert known.bulletin is not None
    assert known.announcement.epoch == known.bulletin.epoch == 2
    assert known.link_key == open_announcement(ann.speaker.announcement(2)).link
    ben.publish(ann.speaker.announcement(1), ann.speaker.bulletin(later + PERIOD_MS, epoch=1))
    assert ben.store[ann.speaker.id] == known


def test_a_bulletin_is_due_once_in_ten_minutes() -> None:
    ann = member("ann")
    assert due_number(ann.store, 1, NOW) == NOW // PERIOD_MS
    ann.publish(ann.speaker.announcement(), ann.speaker.bulletin())
    assert due_number(ann.store, 1, NOW + PERIOD_MS - 1) is None
    assert due_number(ann.store, 2, NOW + PERIOD_MS - 1) == NOW // PERIOD_MS
    assert due_number(ann.store, 1, NOW + PERIOD_MS) == NOW // PERIOD_MS + 1


def test_a_restored_circle_hears_of_its_own_newer_bulletin() -> None:
    """Which tells it that its backup was old."""
    ann, ben = talkative("ann"), member("ben")
    backup = ann.restored()
    later = NOW + PERIOD_MS
    ann.publish(ann.speaker.bulletin(later), now=later)
    exchange(ann, ben, later)
    exchange(backup, ben, later)
    assert due_number(backup.store, 1, later) is None


def test_partners_are_drawn_uniformly() -> None:
    circles = [Speaker(name).id for name in "abc"]
    chance = random.Random(1)
    drawn = [choose_partner(circles, chance.getrandbits(64)) for _ in range(3000)]
    assert all(900 < drawn.count(circle) < 1100 for circle in circles)


@given(
    st.builds(
        Bulletin,
        st.text(max_size=300).filter(bool).map(str.encode),
        st.builds(Totals, *[st.integers(0, 2**53 - 1)] * 3),
        st.text("abc:/.-", min_size=1, max_size=255),
        st.sampled_from(
            [
                Unit("Stück".encode(), "Stücke".encode(), "decimal", 2),
                Unit(b"hour", b"hours", "minutes", 0),
            ]
        ),
        st.dictionaries(
            st.binary(min_size=32, max_size=32),
            st.tuples(st.binary(max_size=512), st.integers(1, 9), st.integers(1, 9)),
            max_size=6,
        ).map(
            lambda links: tuple(
                LinkPosition(peer, "Stück".encode(), *links[peer], 0, 7) for peer in sorted(links)
            )
        ),
    )
)
def test_a_bulletin_is_read_as_it_was_written(bulletin: Bulletin) -> None:
    body = encode_bulletin(bulletin)
    parsed = parse_bulletin(body)
    assert parsed == bulletin
    assert encode_bulletin(parsed) == body


def test_a_bulletin_of_sixty_four_links_fits() -> None:
    peers = [bytes([place]) * 32 for place in range(LINKS_MAX)]
    envelope = Speaker("ann").bulletin(peers=peers)
    assert parse_envelope(envelope.data) == envelope
    assert [link.peer for link in parse_bulletin(envelope.body).links] == peers


@given(st.sets(st.tuples(st.integers(0, 2), st.binary(min_size=32, max_size=32)), max_size=90))
def test_an_item_set_is_what_its_items_are_however_it_came_to_be(
    chosen: set[tuple[int, bytes]],
) -> None:
    items = {
        make_item(Kind(kind), circle, (1, 5), b"x"): (Kind(kind), circle) for kind, circle in chosen
    }
    one, other = ItemSet(), ItemSet()
    one.exchange((), items.items())
    for item, name in sorted(items.items(), reverse=True):
        other.fingerprint("")
        other.exchange((), [(item, name)])
        old = make_item(*name, (1, 4), b"x")
        other.exchange((), [(old, name)])
        other.fingerprint("1a")
        other.exchange([old], ())
    assert one.fingerprint("") == other.fingerprint("")
    assert one.under("") == sorted(items)
    for prefix in ("0", "1", "1a", "1ab"):
        under = [item for item in sorted(items) if item.hex().startswith(prefix)]
        assert one.under(prefix) == other.under(prefix) == under
        assert one.fingerprint(prefix) == other.fingerprint(prefix)
    whole = [item for prefix in gossip_items.children("") for item in one.under(prefix)]
    assert whole == one.under("")
