"""Makes the vectors of what circles say of themselves: ``python -m tests.vectors.make_gossip``.

Their form is that of :mod:`tests.vectors.make_federation`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger import codec, keys
from ledger.codec import AMOUNT_MAX
from ledger.federation.gossip_envelope import (
    LINKS_MAX,
    Bulletin,
    LinkPosition,
    Totals,
    Unit,
    encode_bulletin,
    seal,
)
from ledger.federation.message import encode_statement
from tests.circle import key, seed
from tests.federation.gossip_circles import CHECKPOINT
from tests.vectors.federation_agreements import HIGH, LOW, circle_of
from tests.vectors.federation_objects import STATEMENT
from tests.vectors.ledger_orders import Case, Files, render

FOLDER = Path(__file__).parent
ENCODING = "bytes are lowercase hex"
PERIOD = 3_000_000


def make() -> dict[str, str]:
    """Path under this folder to content, for every file."""
    return {
        path: json.dumps({"about": about, "encoding": ENCODING, "cases": cases}, indent=1) + "\n"
        for path, (about, cases) in _files().items()
    }


def _files() -> Files:
    return {
        "valid/bulletin.json": (
            "bulletins: fields, the body, the wire of the envelope, and its id",
            [_say(shows, bulletin) for shows, bulletin in _bulletins()],
        ),
        "invalid/bulletin.json": (
            "envelopes that are none, that the link key did not sign, or with no bulletin in them",
            [*_no_bulletins(), *_no_envelopes()],
        ),
        "valid/joined-statement.json": (
            "a link's statement with the signatures of both its circles, as bulletins have it",
            list(_joined()),
        ),
        "invalid/joined-statement.json": ("what both did not sign", list(_not_joined())),
    }


# --- statements with both signatures --------------------------------------------------------------


def _join(body: bytes, low: str = f"{LOW} link", high: str = f"{HIGH} link") -> bytes:
    signatures = (keys.sign(keys.STATEMENT, body, seed(name)) for name in (low, high))
    return codec.encode((body, *signatures))


def _joined() -> Iterator[Case]:
    for statement in (STATEMENT, STATEMENT._replace(tally=AMOUNT_MAX)):
        body = encode_statement(statement)
        yield {
            "low_seed": seed(f"{LOW} link").hex(),
            "low_key": key(f"{LOW} link").hex(),
            "high_seed": seed(f"{HIGH} link").hex(),
            "high_key": key(f"{HIGH} link").hex(),
            "statement": render(statement),
            "body": body.hex(),
            "wire": _join(body).hex(),
        }


def _not_joined() -> Iterator[Case]:
    body = encode_statement(STATEMENT)
    signature = keys.sign(keys.STATEMENT, body, seed(f"{LOW} link"))
    wires = [
        ("The two have changed places.", _join(body, f"{HIGH} link", f"{LOW} link")),
        ("The lower circle signed twice.", _join(body, high=f"{LOW} link")),
        ("The higher circle signed twice.", _join(body, low=f"{HIGH} link")),
        ("A decision key signed.", _join(body, low=f"{LOW} decision")),
        ("Nobody signed.", codec.encode((body, bytes(64), bytes(64)))),
    ]
    malformed = [
        ("One signature.", codec.encode((body, signature))),
        ("Three signatures.", codec.encode((body, signature, signature, signature))),
        ("No statement.", _join(b"\x90")),
        ("Nothing.", b""),
    ]
    for error, cases in (("signature-invalid", wires), ("malformed", malformed)):
        for why, wire in cases:
            yield {
                "why": why,
                "error": error,
                "low_key": key(f"{LOW} link").hex(),
                "high_key": key(f"{HIGH} link").hex(),
                "wire": wire.hex(),
            }


# --- bulletins ------------------------------------------------------------------------------------

LINK = LinkPosition(
    circle_of("luton"), b"minutes", _join(encode_statement(STATEMENT)), 10, 6, 600, 40
)
SAID = Bulletin(
    CHECKPOINT,
    Totals(40, 123_456, 500_000),
    "https://exeter.example",
    Unit(b"token", b"tokens", "decimal", 2),
    (LINK,),
)


def _bulletins() -> list[tuple[str, Bulletin]]:
    few = LINK._replace(statement=b"")
    many = [few._replace(peer=bytes([number]) * 32) for number in range(LINKS_MAX)]
    return [
        ("A link, and where it stands.", SAID),
        ("A link of which the peer has said nothing yet.", _with_link(statement=b"")),
        ("A link whose unit is in another script.", _with_link(unit="\u65f6".encode())),
        ("No link.", SAID._replace(links=())),
        ("As many links as there may be.", SAID._replace(links=tuple(many))),
        (
            "A circle that counts minutes.",
            SAID._replace(unit=Unit(b"hour", b"hours", "minutes", 0)),
        ),
    ]


def _with_link(**changed: Any) -> Bulletin:
    return SAID._replace(links=(LINK._replace(**changed),))


def _say(shows: str, bulletin: Bulletin) -> Case:
    body = encode_bulletin(bulletin)
    envelope = seal(circle_of("exeter"), 1, PERIOD, body, seed("exeter link"))
    return {
        "shows": shows,
        "link_seed": seed("exeter link").hex(),
        "link_key": key("exeter link").hex(),
        "issuer": envelope.issuer.hex(),
        "epoch": 1,
        "seq": PERIOD,
        "bulletin": render(bulletin),
        "body": body.hex(),
        "wire": envelope.data.hex(),
        "id": envelope.id.hex(),
    }


def _refused(why: str, wire: bytes, error: str = "malformed") -> Case:
    return {"why": why, "error": error, "link_key": key("exeter link").hex(), "wire": wire.hex()}


def _no_bulletins() -> Iterator[Case]:
    first, second = LINK._replace(peer=bytes(32)), LINK
    changes: list[tuple[str, Any]] = [
        ("No checkpoint.", SAID._replace(checkpoint=b"")),
        ("A checkpoint that is not UTF-8.", SAID._replace(checkpoint=b"\xff")),
        ("A checkpoint of 4,097 bytes.", SAID._replace(checkpoint=b"a" * 4097)),
        ("Less than no credit.", SAID._replace(totals=Totals(1, 1, -1))),
        ("More than an amount.", SAID._replace(totals=Totals(1, 2**53, 1))),
        ("No endpoint.", SAID._replace(endpoint="")),
        ("A unit of no kind.", SAID._replace(unit=Unit(b"token", b"tokens", "seconds", 2))),
        ("A unit with a line break.", SAID._replace(unit=Unit(b"a\nb", b"tokens", "decimal", 2))),
        ("A plural with a line break.", SAID._replace(unit=Unit(b"a", b"a\nb", "decimal", 2))),
        ("Ten decimals.", SAID._replace(unit=Unit(b"token", b"tokens", "decimal", 10))),
        ("A link twice.", SAID._replace(links=(LINK, LINK))),
        ("Links that are not in order.", SAID._replace(links=(second, first))),
        (
            "65 links.",
            SAID._replace(
                links=tuple(LINK._replace(peer=bytes([n]) * 32, statement=b"") for n in range(65))
            ),
        ),
        ("A link with 31 bytes of its peer.", _with_link(peer=bytes(31))),
        ("A link without a unit.", _with_link(unit=b"")),
        ("A link with a unit of 41 bytes.", _with_link(unit=b"m" * 41)),
        ("A link with a unit that is not UTF-8.", _with_link(unit=b"\xff")),
        ("A link with a unit that does not print.", _with_link(unit=b"a\nb")),
        ("A statement of 513 bytes.", _with_link(statement=bytes(513))),
        ("A rate of nothing.", _with_link(numerator=0)),
        ("A rate for nothing.", _with_link(denominator=0)),
        ("Less than no room.", _with_link(inward=-1)),
        ("A link without a unit's field.", SAID._replace(links=((LINK[0], *LINK[2:]),))),  # type: ignore[arg-type]
        ("A field is missing.", SAID[:-1]),
        ("A field is added.", (*SAID, 0)),
    ]
    for why, bulletin in changes:
        envelope = seal(circle_of("exeter"), 1, PERIOD, codec.encode(bulletin), seed("exeter link"))
        yield _refused(why, envelope.data)


def _no_envelopes() -> Iterator[Case]:
    body = encode_bulletin(SAID)
    issuer = circle_of("exeter")
    other = seal(issuer, 1, PERIOD, body, seed("luton link"))
    yield _refused("Signed by another circle.", other.data, "signature-invalid")
    fields = codec.encode((issuer, 1, PERIOD, body))
    bare = codec.encode(
        (*codec.unpack(fields, 1 << 16, "it"), keys.sign(b"", fields, seed("exeter link")))
    )
    yield _refused("Signed without a context.", bare, "signature-invalid")
    for why, content in (
        ("An issuer of 31 bytes.", (issuer[1:], 1, PERIOD, body)),
        ("The epoch 0.", (issuer, 0, PERIOD, body)),
        ("A number of 2^32.", (issuer, 1, 2**32, body)),
        ("No body.", (issuer, 1, PERIOD, b"")),
        ("32,768 bytes of body.", (issuer, 1, PERIOD, bytes(32_768))),
        ("No signature.", (issuer, 1, PERIOD)),
    ):
        yield _refused(why, codec.encode((*content, bytes(64))))


if __name__ == "__main__":
    for path, content in make().items():
        (FOLDER / path).write_text(content)
