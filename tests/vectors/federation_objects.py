"""Vectors of what circles say to each other: messages, statements, exchanges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger import codec, keys
from ledger.codec import AMOUNT_MAX
from ledger.federation.agreement import (
    encode_agreement,
    sign_agreement,
)
from ledger.federation.exchange import Exchange, sign_exchange
from ledger.federation.message import (
    FIRST,
    REASONS,
    RUN_MAX,
    Accept,
    Commit,
    Content,
    Decline,
    Leave,
    Prepare,
    Propose,
    Raise,
    Release,
    Statement,
    Suspend,
    Withdraw,
    body_of,
    encode_statement,
    message_hash,
    read_message,
    sign_run,
    sign_statement,
    write_message,
    write_wire,
)
from ledger.federation.payment import encode_header, payment_id, sign_commit
from tests.circle import NOON, key, seed
from tests.ledger.samples import HASH
from tests.link_messages import sign_alone
from tests.vectors.federation_agreements import AGREEMENT, LINK, circle_of, not_canonical
from tests.vectors.federation_payments import HEADER, SEALED
from tests.vectors.ledger_orders import Case, Files, render

T = payment_id(encode_header(HEADER))


def object_files() -> Files:
    """Path to (about, cases)."""
    return {
        "valid/link-message.json": (
            "messages of a link, of every kind: fields, content, body, wire and hash",
            [_say(shows, content) for shows, content in _contents()],
        ),
        "invalid/link-message.json": (
            "wires that are no message of a link, or that the link key did not sign",
            _no_messages(),
        ),
        "valid/link-run.json": ("messages in a row, of which the last is signed", _runs()),
        "invalid/link-run.json": ("messages that are no run, or none that was signed", _no_runs()),
        "valid/link-statement.json": ("statements of where a link stands", _statements()),
        "invalid/link-statement.json": (
            "wires that are no statement, or that the link key did not sign",
            _no_statements(),
        ),
        "valid/exchange.json": ("what two nodes send each other: a request, an answer", _bodies()),
        "invalid/exchange.json": (
            "bodies that are no exchange, or that the link key did not sign",
            _no_bodies(),
        ),
    }


# --- messages -------------------------------------------------------------------------------------


def _contents() -> list[tuple[str, Content]]:
    header = encode_header(HEADER)
    body = encode_agreement(AGREEMENT._replace(number=2))
    proposed = sign_agreement(body, seed("exeter link"))
    accepted = sign_agreement(body, seed("luton link"))
    return [
        ("A payment that ends here.", Prepare(header, 250, ())),
        ("A payment that goes round.", Prepare(header, 9, ((HASH, 1),) * 15)),
        ("A payment that goes on.", Prepare(header, 1, ((HASH, 1), (bytes(32), AMOUNT_MAX)))),
        ("It is committed.", Commit(T, sign_commit(T, seed("decision")))),
        *((f"It is given up: {reason}.", Release(T, reason)) for reason in REASONS),
        ("More may be owed.", Raise(AMOUNT_MAX)),
        ("Nothing may.", Raise(0)),
        ("New terms.", Propose(body, proposed)),
        ("They hold.", Accept(keys.object_id(keys.AGREEMENT, body), accepted)),
        ("They are taken back.", Withdraw(keys.object_id(keys.AGREEMENT, body))),
        ("They will not hold.", Decline(keys.object_id(keys.AGREEMENT, body))),
        ("The agreement ends.", Leave(1)),
        ("No payments.", Suspend(1)),
        ("Payments again.", Suspend(0)),
    ]


def _body(content: Content, seq: int = 1, previous: bytes = FIRST) -> bytes:
    return write_message(LINK, circle_of("exeter"), circle_of("luton"), seq, previous, content)


def _say(shows: str, content: Content) -> Case:
    seq, previous = (1, FIRST) if isinstance(content, Prepare) else (2**32, HASH)
    body = _body(content, seq, previous)
    message, _ = read_message(body)
    return {
        "shows": shows,
        "link_seed": seed("exeter link").hex(),
        "link_key": key("exeter link").hex(),
        "message": render(message),
        "content": render(content),
        "body": body.hex(),
        "wire": sign_alone(body, seed("exeter link")).hex(),
        "hash": message_hash(body).hex(),
    }


def _sign(context: bytes, body: bytes, name: str = "exeter link") -> bytes:
    return codec.encode((body, keys.sign(context, body, seed(name))))


def _refused(why: str, wire: bytes, error: str = "malformed", name: str = "exeter link") -> Case:
    return {"why": why, "error": error, "link_key": key(name).hex(), "wire": wire.hex()}


def _forgeries(context: bytes, body: bytes) -> list[Case]:
    """What one key signed for another purpose, and another key for this one."""
    others = {
        "an order": keys.ORDER,
        "an agreement": keys.AGREEMENT,
        "a link message": keys.MESSAGE,
        "a statement": keys.STATEMENT,
        "an exchange": keys.EXCHANGE,
        "a COMMIT": keys.COMMIT,
        "a gossip envelope": keys.GOSSIP,
    }
    wrong = "signature-invalid"
    cases = [
        _refused(f"Signed as {name}.", _sign(other, body), wrong)
        for name, other in others.items()
        if other != context
    ]
    return [
        *cases,
        _refused("Signed by the peer.", _sign(context, body, "luton link"), wrong),
        _refused("Signed by the decision key.", _sign(context, body, "exeter decision"), wrong),
        _refused("Signed without a context.", _sign(b"", body), wrong),
        _refused("A signature of 63 bytes.", codec.encode((body, bytes(63)))),
        _refused("A third part.", codec.encode((body, bytes(64), 0))),
    ]


def _fields(
    encode: Callable[[Any], bytes], context: bytes, value: Any, places: dict[str, tuple[Any, ...]]
) -> list[Case]:
    """Every listed value in the field of that name."""
    return [
        _refused(
            f"{name} is {str(odd)[:20]!r}.", _sign(context, encode(value._replace(**{name: odd})))
        )
        for name, odds in places.items()
        for odd in odds
    ]


_ODD_HASHES = (bytes(31), bytes(33), "a" * 32)
_ODD_NUMBERS = (-1, 2**53, True, 1.0, "1")


def _no_messages() -> list[Case]:
    body = _body(Suspend(1))
    message, _ = read_message(body)
    odd: dict[str, tuple[Any, ...]] = {
        "link": _ODD_HASHES,
        "sender": _ODD_HASHES,
        "receiver": _ODD_HASHES,
        "seq": (0, *_ODD_NUMBERS),
        "previous": _ODD_HASHES,
        "kind": ("query", "", 1, "accept"),
        "content": (b"", b"\x90", b"\x91\x02", b"\x91\xc3", b"\x91\x01\0", b"\x91\xcc\x01"),
    }
    cases = [*_forgeries(keys.MESSAGE, body), *_fields(codec.encode, keys.MESSAGE, message, odd)]
    cases += [_refused(why, _sign(keys.MESSAGE, each)) for why, each in not_canonical(body)]
    header = encode_header(HEADER)
    contents: list[tuple[str, str, tuple[Any, ...]]] = [
        ("A payment of nothing.", "prepare", (header, 0, ())),
        ("A payment of 2^53.", "prepare", (header, 2**53, ())),
        ("A payment without a header.", "prepare", (b"", 1, ())),
        ("A header of 257 bytes.", "prepare", (bytes(257), 1, ())),
        ("Sixteen links further on.", "prepare", (header, 1, ((HASH, 1),) * 16)),
        ("Nothing further on.", "prepare", (header, 1, ((HASH, 0),))),
        ("A COMMIT of 63 bytes.", "commit", (T, bytes(63))),
        ("A payment's id of 31 bytes.", "commit", (T[:31], bytes(64))),
        ("A reason that is none.", "release", (T, "no")),
        ("A reason that is no text.", "release", (T, b"limit")),
        ("A negative limit.", "raise", (-1,)),
        ("An agreement of 2,049 bytes.", "propose", (bytes(2_049), bytes(64))),
        ("An agreement's id of 31 bytes.", "accept", (bytes(31), bytes(64))),
        ("Suspended twice over.", "suspend", (2,)),
    ]
    for why, kind, content in contents:
        packed = message._replace(kind=kind, content=codec.encode(content))
        cases.append(_refused(why, _sign(keys.MESSAGE, codec.encode(packed))))
    return cases


# --- runs -----------------------------------------------------------------------------------------


def _row(count: int, name: str = "exeter link") -> list[bytes]:
    """Messages that follow each other, the last one signed."""
    bodies, previous = [], FIRST
    for number in range(1, count + 1):
        bodies.append(_body(Raise(number), number, previous))
        previous = message_hash(bodies[-1])
    return list(sign_run([write_wire(body) for body in bodies], seed(name)))


def _run(shows: str, wires: list[bytes]) -> Case:
    return {
        "shows": shows,
        "link_seed": seed("exeter link").hex(),
        "link_key": key("exeter link").hex(),
        "wires": [wire.hex() for wire in wires],
        "hashes": [message_hash(body_of(wire)).hex() for wire in wires],
    }


def _runs() -> list[Case]:
    return [
        _run("One message.", _row(1)),
        _run("Three.", _row(3)),
        _run("The last two of three.", _row(3)[1:]),
        _run("As many as an exchange has.", _row(RUN_MAX)),
    ]


def _no_runs() -> list[Case]:
    one, two, three = _row(3)
    forged = write_wire(body_of(two), bytes(64))
    cases: list[tuple[str, list[bytes], str]] = [
        ("The last is not signed.", [one, two], "signature-invalid"),
        ("Signed by another key.", _row(3, "luton link"), "signature-invalid"),
        ("One is left out.", [one, three], "malformed"),
        ("Two have changed places.", [two, one, three], "malformed"),
        ("One comes twice.", [one, one, two, three], "malformed"),
        ("One before the last has a signature.", [one, forged, three], "malformed"),
        ("Two runs.", [*_row(1), *_row(3)[1:]], "malformed"),
    ]
    return [
        {
            "why": why,
            "error": error,
            "link_key": key("exeter link").hex(),
            "wires": [wire.hex() for wire in wires],
        }
        for why, wires, error in cases
    ]


# --- statements and exchanges ---------------------------------------------------------------------

STATEMENT = Statement(LINK, 1, 3, HASH, 2, bytes(reversed(HASH)), -250, 0, 40)
EXCHANGE = Exchange(
    *("request", LINK, circle_of("exeter"), circle_of("luton"), bytes(range(16)), NOON),
    sign_statement(STATEMENT, seed("exeter link")),
    ((sign_alone(_body(Prepare(encode_header(HEADER), 250, ())), seed("exeter link")), SEALED),),
)


def _statements() -> list[Case]:
    told = [
        ("Before the first message.", Statement(LINK, 1, 0, FIRST, 0, FIRST, 0, 0, 0)),
        ("The lower circle owes 250, and the higher may come to owe 40.", STATEMENT),
        ("The most.", STATEMENT._replace(tally=AMOUNT_MAX, low_held=AMOUNT_MAX, low_seq=2**40)),
        ("The least.", STATEMENT._replace(tally=-AMOUNT_MAX)),
    ]
    return [
        {
            "shows": shows,
            "link_seed": seed("exeter link").hex(),
            "link_key": key("exeter link").hex(),
            "statement": render(statement),
            "body": encode_statement(statement).hex(),
            "wire": sign_statement(statement, seed("exeter link")).hex(),
        }
        for shows, statement in told
    ]


def _no_statements() -> list[Case]:
    body = encode_statement(STATEMENT)
    odd: dict[str, tuple[Any, ...]] = {
        "link": _ODD_HASHES,
        "agreement": (0, *_ODD_NUMBERS),
        "low_seq": _ODD_NUMBERS,
        "low_hash": _ODD_HASHES,
        "high_seq": _ODD_NUMBERS,
        "high_hash": _ODD_HASHES,
        "tally": (2**53, -(2**53), True, 1.0),
        "low_held": _ODD_NUMBERS,
        "high_held": _ODD_NUMBERS,
    }
    return [
        *_forgeries(keys.STATEMENT, body),
        *_fields(codec.encode, keys.STATEMENT, STATEMENT, odd),
        *(_refused(why, _sign(keys.STATEMENT, each)) for why, each in not_canonical(body)),
        _refused("A field is missing.", _sign(keys.STATEMENT, codec.encode(STATEMENT[:-1]))),
        _refused("A field is added.", _sign(keys.STATEMENT, codec.encode((*STATEMENT, 0)))),
    ]


def _bodies() -> list[Case]:
    told = [
        ("A request that brings a payment, and what is sealed in it.", EXCHANGE),
        ("An answer that has nothing to say.", EXCHANGE._replace(part="answer", messages=())),
        ("As many messages as there may be.", EXCHANGE._replace(messages=((b"m", b""),) * 64)),
        ("More than 65,535 bytes.", EXCHANGE._replace(messages=((bytes(1_200), b""),) * 60)),
    ]
    cases = []
    for shows, exchange in told:
        wire = sign_exchange(exchange, seed("exeter link"))
        cases.append(
            {
                "shows": shows,
                "link_seed": seed("exeter link").hex(),
                "link_key": key("exeter link").hex(),
                "exchange": render(exchange),
                "wire": wire.hex(),
            }
        )
    return cases


def _no_bodies() -> list[Case]:
    body = codec.encode(EXCHANGE)
    odd: dict[str, tuple[Any, ...]] = {
        "part": ("", "reply", 1),
        "link": _ODD_HASHES,
        "sender": _ODD_HASHES,
        "receiver": _ODD_HASHES,
        "nonce": (bytes(15), bytes(17)),
        "at": _ODD_NUMBERS,
        "statement": (b"", bytes(513)),
        "messages": (
            ((b"m", b""),) * 65,
            ((b"", b""),),
            ((b"m", bytes(2_401)),),
            ((bytes(5_201), b""),),
            ((b"m",),),
            b"m",
        ),
    }
    return [
        *_forgeries(keys.EXCHANGE, body),
        *_fields(codec.encode, keys.EXCHANGE, EXCHANGE, odd),
        *(_refused(why, _sign(keys.EXCHANGE, each)) for why, each in not_canonical(body)),
    ]
