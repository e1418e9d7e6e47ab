"""One exchange of gossip: how two stores find out what each lacks (protocol.md, "Gossip").

Both sides' items (see ``gossip_items``) are compared from the top. The first message is one
fingerprint of 32 bytes over everything, and silence answers it if both hold the same. Where
fingerprints differ, the answer has those of the 16 next longer prefixes, or, under a prefix with at
most 64 items, these items. Whoever receives such a list sends the records of which the list has
older versions, asks for those of which it has newer ones, and offers, by their items, those that
the list lacks. For a new circle is not welcome everywhere: a store that is full asks for its
neighbours and leaves the rest, so that thousands of invented circles cost 32 bytes each, not
kilobytes.

This is range-based set reconciliation (Meyer, arXiv:2212.13567) over a fixed tree. It was chosen
for three reasons. A list of all ids and numbers would cost 32 bytes for each of thousands of
circles in every exchange that has a single update to carry: here that costs a path of fingerprints
and one short list. When *all* circles issue an update, almost all prefixes differ and the
fingerprints add little to the lists: 32 bytes for each update and exchange, in one direction,
beside updates of a kilobyte that travel once to each circle. And no message needs another's
memory: each is answered from the store alone, so that loss, repetition and disorder do no harm, and
there is no session to exhaust. Each answer is about longer prefixes, then about records, so
that an exchange ends after a few messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ledger import codec
from ledger.codec import array_of, ascii_text, binary, integer
from ledger.errors import MalformedObject
from ledger.federation import gossip_items
from ledger.federation.gossip_envelope import (
    CONFLICT_BYTES_MAX,
    ENVELOPE_BYTES_MAX,
)
from ledger.federation.gossip_items import (
    DIGITS_MAX,
    HEX_DIGITS,
    ITEM_BYTES,
    KEY_BYTES,
    Kind,
    Name,
    item_key,
    item_kind,
    item_version,
    with_kind,
)
from ledger.federation.gossip_store import Room, Store, is_early

MESSAGE_BYTES_MAX = 2 * 1024 * 1024
RECORD_BYTES_MAX = 768 * 1024
"""How many bytes of envelopes and conflicts one message carries at most."""

RECORDS_MAX = 1024
OFFERS_MAX = 1024
WANTS_MAX = 1024
DIGESTS_MAX = 2048
LISTS_MAX = 2048
LIST_ITEMS_MAX = 64
"""Under a prefix with more items than this, fingerprints are sent instead."""


@dataclass(slots=True)
class Message:
    """What is in a message. Prefixes are hexadecimal digits, wants are keys of items."""

    digests: list[tuple[str, bytes]] = field(default_factory=list)
    lists: list[tuple[str, list[bytes]]] = field(default_factory=list)
    offers: list[bytes] = field(default_factory=list)
    wants: list[bytes] = field(default_factory=list)
    envelopes: list[bytes] = field(default_factory=list)
    conflicts: list[bytes] = field(default_factory=list)

    def is_empty(self) -> bool:
        return self == Message()


_prefix = ascii_text(0, DIGITS_MAX)
_MESSAGE = codec.record(
    version=integer(1, 1),
    digests=array_of(codec.record(prefix=_prefix, fingerprint=binary(16, 32)), 0, DIGESTS_MAX),
    lists=array_of(
        codec.record(prefix=_prefix, items=binary(0, ITEM_BYTES * LIST_ITEMS_MAX)), 0, LISTS_MAX
    ),
    offers=binary(0, ITEM_BYTES * OFFERS_MAX),
    wants=binary(0, KEY_BYTES * WANTS_MAX),
    envelopes=array_of(binary(1, ENVELOPE_BYTES_MAX), 0, RECORDS_MAX),
    conflicts=array_of(binary(1, CONFLICT_BYTES_MAX), 0, RECORDS_MAX),
)


def encode_message(message: Message) -> bytes:
    lists = [(prefix, b"".join(items)) for prefix, items in message.lists]
    return codec.encode(
        (
            1,
            message.digests,
            lists,
            b"".join(message.offers),
            b"".join(message.wants),
            message.envelopes,
            message.conflicts,
        )
    )


def parse_message(data: bytes) -> Message:
    """Take a message apart; its envelopes stay closed. Raises MalformedObject."""
    _, digests, lists, offers, wants, envelopes, conflicts = codec.decode(
        data, _MESSAGE, MESSAGE_BYTES_MAX, "gossip message"
    )
    for prefixed in (digests, lists):
        _check_prefixes([prefix for prefix, _ in prefixed])
    if any(len(fingerprint) != (16 if prefix else 32) for prefix, fingerprint in digests):
        raise MalformedObject("gossip message", "a fingerprint is not as long as it should be")
    if len(wants) % KEY_BYTES:
        raise MalformedObject("gossip message", "what it wants is not a number of keys")
    return Message(
        list(digests),
        [(prefix, _parse_items(prefix, items)) for prefix, items in lists],
        _parse_items("", offers),
        [wants[start : start + KEY_BYTES] for start in range(0, len(wants), KEY_BYTES)],
        list(envelopes),
        list(conflicts),
    )


def _check_prefixes(prefixes: Sequence[str]) -> None:
    if any(digit not in HEX_DIGITS for prefix in prefixes for digit in prefix):
        raise MalformedObject("gossip message", "a prefix is not of hexadecimal digits")
    # So that nothing is asked for twice, which would make an answer longer than the store.
    if any(first >= second or second.startswith(first) for first, second in pairwise(prefixes)):
        raise MalformedObject("gossip message", "its prefixes overlap or are not in order")


def _parse_items(prefix: str, data: bytes) -> list[bytes]:
    if len(data) % ITEM_BYTES:
        raise MalformedObject("gossip message", "a list is not a number of items")
    items = gossip_items.split_items(data)
    if any(first >= second for first, second in pairwise(items)):
        raise MalformedObject("gossip message", "a list is not in order")
    if any(not item_key(item).hex().startswith(prefix) for item in items):
        raise MalformedObject("gossip message", "an item is in the wrong list")
    if any(item_kind(item) >= len(Kind) for item in items):
        raise MalformedObject("gossip message", "an item is of no known kind")
    return items


# --- answers --------------------------------------------------------------------------------------


def first_message(store: Store) -> Message:
    """What begins an exchange: the digest of all that is held."""
    return Message(digests=[("", store.items.fingerprint(""))])


def answer(store: Store, message: Message, now: int) -> Message:
    """What the sender of this message needs to hear: perhaps nothing."""
    reply = Message()
    _compare_digests(store, message.digests, reply)
    sent = {name for key in message.wants for name in store.items.named(key)}
    offered: list[bytes] = []
    newer = list(message.offers)
    for prefix, theirs in message.lists:
        ours = store.items.under(prefix)
        keys = set(map(item_key, theirs))
        for item in _newer(ours, theirs):
            if item_key(item) in keys:
                sent.add(store.items.name(item))
            else:
                offered.append(item)
        newer += _newer(theirs, ours)
    reply.offers = _choose_offers(store, offered)
    reply.wants = _choose_wants(store, newer, now)
    _add_records(store, sent, reply)
    return reply


def _compare_digests(store: Store, digests: Iterable[tuple[str, bytes]], reply: Message) -> None:
    for prefix, fingerprint in digests:
        if fingerprint == store.items.fingerprint(prefix):
            continue
        if store.items.count(prefix) > LIST_ITEMS_MAX and len(prefix) < DIGITS_MAX:
            reply.digests += (
                (child, store.items.fingerprint(child)) for child in gossip_items.children(prefix)
            )
        else:
            reply.lists.append((prefix, store.items.under(prefix)[:LIST_ITEMS_MAX]))
    del reply.digests[DIGESTS_MAX:]
    del reply.lists[LISTS_MAX:]


def _newer(here: Sequence[bytes], there: Sequence[bytes]) -> list[bytes]:
    """The items here that are not there, unless what is there is newer."""
    known = set(there)
    oldest: dict[bytes, tuple[int, int]] = {}
    for item in there:
        # Items are in order, so that the first with a key is the oldest.
        oldest.setdefault(item_key(item), item_version(item))
    return [
        item
        for item in here
        if item not in known and item_version(item) >= oldest.get(item_key(item), (0, 0))
    ]


def _choose_wants(store: Store, items: Sequence[bytes], now: int) -> list[bytes]:
    """The keys of those that would be taken, as far as an item tells, the nearest circles first."""
    if not items:
        return []
    near = store.near_keys()
    for_strangers = Room(store, now).for_stranger()

    def is_welcome(item: bytes) -> bool:
        kind, key = item_kind(item), item_key(item)
        if item in store.items or is_early(kind, item_version(item), now):
            return False
        held = {circle for each in Kind for _, circle in store.items.named(with_kind(key, each))}
        if held:
            return any(
                store[circle].is_open_to(kind, item_version(item)[0], now) for circle in held
            )
        return for_strangers or key in near

    keys = dict.fromkeys(item_key(item) for item in items if is_welcome(item))
    return sorted(keys, key=lambda key: key not in near)[:WANTS_MAX]


def _choose_offers(store: Store, items: Sequence[bytes]) -> list[bytes]:
    turn = _turns(store)
    return sorted(sorted(items, key=lambda item: turn(store.items.name(item)))[:OFFERS_MAX])


def _add_records(store: Store, names: Iterable[Name], reply: Message) -> None:
    octets = 0
    for kind, circle in sorted(names, key=_turns(store))[:RECORDS_MAX]:
        data = store[circle].record(kind)
        octets += len(data)
        if octets > RECORD_BYTES_MAX:
            return
        (reply.conflicts if kind is Kind.CONFLICT else reply.envelopes).append(data)


def _turns(store: Store) -> Callable[[Name], tuple[int, bool, bytes, Kind]]:
    """Whose turn it is when a message cannot carry all: the nearest circles', then in a circle.

    It begins elsewhere whenever anything has changed, so that nobody is always last.
    """
    beginning = store.items.fingerprint("")

    def turn(name: Name) -> tuple[int, bool, bytes, Kind]:
        kind, circle = name
        return store.distance(circle), circle < beginning, circle, kind

    return turn
