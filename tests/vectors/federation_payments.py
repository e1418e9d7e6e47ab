"""Vectors of payments between circles: header, T, sealed part, COMMIT, status, and the route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger import codec, keys
from ledger.codec import AMOUNT_MAX
from ledger.federation.payment import (
    Inside,
    PaymentHeader,
    Status,
    encode_header,
    payment_id,
    seal,
    sealed_hash,
    sign_commit,
    sign_status,
)
from ledger.federation.route import Route, encode_route
from tests.circle import HOUR, NOON, key, salt, seed
from tests.ledger.samples import CIRCLE, HASH
from tests.vectors.ledger_orders import Case, Files, render

INSIDE = Inside("mia", "ann@exeter.example", "for the hedge – thank you".encode(), salt("hedge"))
EPHEMERAL = salt("ephemeral")
SEALED = seal(INSIDE, key("decision"), EPHEMERAL)
HEADER = PaymentHeader(CIRCLE, key("decision"), NOON + HOUR, 250, sealed_hash(SEALED))
ROUTE = Route(
    encode_header(HEADER), SEALED, (((CIRCLE, 250),), ((HASH, 36), (bytes(32), 4), (CIRCLE, 250)))
)


def payment_files() -> Files:
    """Path to (about, cases)."""
    return {
        "valid/payment.json": (
            "payments: header and T; a COMMIT; a status",
            [*_headers(), _commit(), *_statuses()],
        ),
        "invalid/payment.json": (
            "what is no header, or not signed by the decision key",
            [*_no_headers(), *_no_commits(), *_no_statuses()],
        ),
        "valid/sealed-part.json": ("what is sealed to the payee's circle", list(_sealed())),
        "invalid/sealed-part.json": ("what is not sealed to it", list(_not_sealed())),
        "valid/route.json": (
            "what stands beside an order that pays into another circle",
            _routes(),
        ),
        "invalid/route.json": ("what is no route", list(_no_routes())),
    }


def _headers() -> Iterator[Case]:
    for shows, header in (
        ("An hour's time for 250.", HEADER),
        ("The most, for ever.", HEADER._replace(arrive=AMOUNT_MAX, deadline=AMOUNT_MAX)),
    ):
        encoded = encode_header(header)
        yield {
            "shows": shows,
            "object": "header",
            "header": render(header),
            "encoded": encoded.hex(),
            "payment": payment_id(encoded).hex(),
        }


def _sealed() -> Iterator[Case]:
    longest = Inside("a" * 64, "b" * 300, b"c" * 1_900, HASH)
    for shows, inside in (
        ("Who pays whom, and why.", INSIDE),
        ("As little as there can be.", Inside("a", "", b"", HASH)),
        ("A long text.", longest),
    ):
        sealed = seal(inside, key("decision"), EPHEMERAL)
        yield {
            "shows": shows,
            "decision_seed": seed("decision").hex(),
            "decision": key("decision").hex(),
            "ephemeral": EPHEMERAL.hex(),
            "inside": render(inside),
            "sealed": sealed.hex(),
            "hash": sealed_hash(sealed).hex(),
        }


def _commit() -> Case:
    encoded = encode_header(HEADER)
    return {
        "shows": "The decider's word, which turns every hold on the payment into debt.",
        "object": "commit",
        "decision_seed": seed("decision").hex(),
        "header": encoded.hex(),
        "signature": sign_commit(payment_id(encoded), seed("decision")).hex(),
    }


def _statuses() -> Iterator[Case]:
    payment = payment_id(encode_header(HEADER))
    for verdict in ("committed", "refused", "unknown"):
        status = Status(payment, verdict, NOON)
        yield {
            "shows": f"The decider says that it is {verdict}.",
            "object": "status",
            "decision_seed": seed("decision").hex(),
            "decision": key("decision").hex(),
            "status": render(status),
            "wire": sign_status(status, seed("decision")).hex(),
        }


def _no_headers() -> Iterator[Case]:
    odd: dict[str, tuple[Any, ...]] = {
        "decider": (bytes(31), "a"),
        "decision": (bytes(33),),
        "deadline": (-1, 2**53, True),
        "arrive": (0, -1, 2**53, 1.0),
        "sealed": (b"", bytes(31)),
    }
    values = [
        (f"{name} is {str(each)[:20]!r}.", codec.encode(HEADER._replace(**{name: each})))
        for name, eaches in odd.items()
        for each in eaches
    ]
    encoded = encode_header(HEADER)
    values += [
        ("A byte follows.", encoded + b"\0"),
        ("A field is missing.", codec.encode(HEADER[:-1])),
        ("A field is added.", codec.encode((*HEADER, 0))),
        ("An array of 16 bits.", b"\xdc\0\x05" + encoded[1:]),
    ]
    for why, data in values:
        yield {"why": why, "error": "malformed", "object": "header", "encoded": data.hex()}


def _not_sealed() -> Iterator[Case]:
    changed = bytearray(SEALED)
    changed[-1] ^= 1
    values = [
        ("Sealed to another circle.", seal(INSIDE, key("stranger"), EPHEMERAL)),
        ("A bit of it is changed.", bytes(changed)),
        ("Only the ephemeral key.", SEALED[:32]),
        ("It ends too soon.", SEALED[:-1]),
        ("Nothing.", b""),
        ("2,401 bytes.", bytes(2_401)),
        ("An ephemeral key of small order.", bytes(32) + SEALED[32:]),
    ]
    for why, sealed in values:
        yield {
            "why": why,
            "error": "malformed",
            "decision_seed": seed("decision").hex(),
            "sealed": sealed.hex(),
        }


def _no_commits() -> Iterator[Case]:
    encoded = encode_header(HEADER)
    payment = payment_id(encoded)
    other = payment_id(encode_header(HEADER._replace(arrive=251)))
    values = [
        ("Another key.", sign_commit(payment, seed("stranger"))),
        ("Of another payment.", sign_commit(other, seed("decision"))),
        ("Signed as a status.", keys.sign(keys.STATUS, payment, seed("decision"))),
        ("Signed as a message.", keys.sign(keys.MESSAGE, payment, seed("decision"))),
        ("Of the header, not of T.", sign_commit(encoded, seed("decision"))),
        ("63 bytes.", sign_commit(payment, seed("decision"))[:63]),
    ]
    for why, signature in values:
        yield {
            "why": why,
            "error": "signature-invalid",
            "object": "commit",
            "header": encoded.hex(),
            "signature": signature.hex(),
        }


def _no_statuses() -> Iterator[Case]:
    status = Status(payment_id(encode_header(HEADER)), "committed", NOON)
    body, signature = codec.unpack(sign_status(status, seed("decision")), 512, "status")

    def signed(context: bytes, data: bytes, name: str = "decision") -> bytes:
        return codec.encode((data, keys.sign(context, data, seed(name))))

    odd = status._replace(verdict="perhaps")
    values = [
        ("Another key.", signed(keys.STATUS, body, "stranger"), "signature-invalid"),
        ("Signed as a COMMIT.", signed(keys.COMMIT, body), "signature-invalid"),
        ("Signed as a statement.", signed(keys.STATEMENT, body), "signature-invalid"),
        ("A verdict that is none.", signed(keys.STATUS, codec.encode(odd)), "malformed"),
        ("A byte follows.", signed(keys.STATUS, body + b"\0"), "malformed"),
        ("A time of 2^53.", signed(keys.STATUS, codec.encode((*status[:2], 2**53))), "malformed"),
        ("A signature of 63 bytes.", codec.encode((body, signature[:63])), "malformed"),
    ]
    for why, wire, error in values:
        yield {
            "why": why,
            "error": error,
            "object": "status",
            "decision": key("decision").hex(),
            "wire": wire.hex(),
        }


def _routes() -> list[Case]:
    told = [
        ("Two ways: at once, and over two more circles.", ROUTE),
        ("No way; the node refuses it.", ROUTE._replace(ways=())),
        ("Eight ways.", ROUTE._replace(ways=ROUTE.ways[:1] * 8)),
    ]
    return [
        {"shows": shows, "route": render(route), "encoded": encode_route(route).hex()}
        for shows, route in told
    ]


def _no_routes() -> Iterator[Case]:
    ways: tuple[Any, ...] = (
        ROUTE.ways[:1] * 9,
        ((),),
        (((CIRCLE, 1),) * 4,),
        (((CIRCLE, 0),),),
        (((CIRCLE[:31], 1),),),
        (((CIRCLE, True),),),
        (((CIRCLE, 1, 1),),),
        (b"",),
    )
    header, sealed, packed = codec.unpack(encode_route(ROUTE), 8_192, "route")
    values: list[tuple[str, Any]] = [
        *((f"ways are {str(each)[:20]!r}.", (header, sealed, codec.encode(each))) for each in ways),
        *((f"header is {odd[:9]!r}.", (odd, sealed, packed)) for odd in (b"", bytes(257), b"no")),
        *((f"sealed has {len(odd)} bytes.", (header, odd, packed)) for odd in (b"", bytes(2_401))),
        ("Ways that are no bytes.", (header, sealed, ROUTE.ways)),
        ("Ways with a byte behind them.", (header, sealed, packed + b"\0")),
        ("Ways in 2,049 bytes.", (header, sealed, bytes(2_049))),
        ("A field is missing.", (header, sealed)),
        ("A field is added.", (header, sealed, packed, 0)),
    ]
    encoded = encode_route(ROUTE)
    data = [(why, codec.encode(value)) for why, value in values]
    data += [("A byte follows.", encoded + b"\0"), ("16 bits.", b"\xdc\0\x03" + encoded[1:])]
    for why, wrong in data:
        yield {"why": why, "error": "malformed", "encoded": wrong.hex()}
