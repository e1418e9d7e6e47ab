"""Vectors of what is signed besides orders, of commitments and ids, and of the charter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger import codec, declarations, keys
from ledger.charter import (
    Certificate,
    Charter,
    Previous,
    Rules,
    certify,
    encode_rules,
    origin_of,
    terms_hash,
)
from ledger.codec import AMOUNT_MAX
from ledger.declarations import Enrolment, PaymentRequest, SessionOpening
from ledger.entry import order_commitment
from tests.circle import DAY, NOON, RULES, WORKING, key, salt, seed
from tests.ledger.samples import CIRCLE, HASH, signed_orders
from tests.vectors.ledger_keys import MIXED, NO_POINT
from tests.vectors.ledger_orders import Case, Files, render

ORIGIN = origin_of(RULES.address, CIRCLE, 1)
ENROLMENT = Enrolment(CIRCLE, key("phone"), NOON, "Ann's phone")
REQUEST = PaymentRequest(CIRCLE, 101, 101, key("phone"), 250, 1, NOON + DAY, (HASH,))
SESSION = SessionOpening(CIRCLE, key("phone"), ORIGIN, 1, NOON)
SIGN: dict[str, tuple[Callable[[Any, bytes], bytes], bytes]] = {
    "enrolment": (declarations.sign_enrolment, keys.ENROLMENT),
    "request": (declarations.sign_request, keys.REQUEST),
    "session": (declarations.sign_session, keys.SESSION),
}


def declaration_files() -> Files:
    """Path to (about, cases)."""
    return {
        "valid/declaration.json": (
            "enrolments, payment requests, session openings, and an invitation's signature",
            [*_declared(), _invitation()],
        ),
        "invalid/declaration.json": (
            "declarations that are malformed, or that their device did not sign",
            _undeclared(),
        ),
        "valid/commitment.json": ("commitments, salts and ids", _commitments()),
        "valid/charter.json": ("charters, as leaf 0 has them in public", _charters()),
        "invalid/charter.json": (
            "charters that prove nothing, or contradict themselves",
            _broken(),
        ),
    }


def _declared() -> list[Case]:
    plain = REQUEST._replace(text=(), amount=AMOUNT_MAX, nonce=2**32)
    values: list[tuple[str, str, Any]] = [
        ("A device is to act for somebody in this circle.", "enrolment", ENROLMENT),
        ("A device without a label.", "enrolment", ENROLMENT._replace(label="")),
        ("The payee asks for an amount, with a text beside it.", "request", REQUEST),
        ("The largest amount, and no text.", "request", plain),
        ("A device asks to read.", "session", SESSION),
    ]
    return [_declare(shows, name, value) for shows, name, value in values]


def _declare(shows: str, name: str, value: Any) -> Case:
    sign, context = SIGN[name]
    wire = sign(value, seed("phone"))
    body, signature = codec.unpack(wire, 1_024, name)
    return {
        "shows": shows,
        "object": name,
        "device_seed": seed("phone").hex(),
        "fields": render(value),
        "body": body.hex(),
        "signature": signature.hex(),
        "wire": wire.hex(),
        "id": keys.object_id(context, body).hex(),
    }


def _invitation() -> Case:
    return {
        "shows": "An invitation's key signs the circle and the device that uses it.",
        "object": "invitation",
        "invitation_seed": seed("code").hex(),
        "invitation": key("code").hex(),
        "circle": CIRCLE.hex(),
        "device": key("phone").hex(),
        "body": codec.encode((CIRCLE, key("phone"))).hex(),
        "signature": declarations.sign_invitation(CIRCLE, key("phone"), seed("code")).hex(),
    }


def _undeclared() -> list[Case]:
    cases = []
    fields: dict[str, tuple[Any, int]] = {
        "enrolment": (ENROLMENT, 2),
        "request": (REQUEST, 4),
        "session": (SESSION, 4),
    }
    for name, (value, number) in fields.items():
        sign, context = SIGN[name]
        body, signature = codec.unpack(sign(value, seed("phone")), 1_024, name)
        other = next(each for each in SIGN.values() if each[1] != context)[1]
        wrong = {
            "Signed by another key.": keys.sign(context, body, seed("stranger")),
            "Signed for another purpose.": keys.sign(other, body, seed("phone")),
            "Signed as an order.": keys.sign(keys.ORDER, body, seed("phone")),
        }
        cases += [
            _undeclare(why, name, body, signed, "signature-invalid")
            for why, signed in wrong.items()
        ]
        for why, odd in (("2^53", 2**53), ("-1", -1), ("1.0", 1.0), ("true", True)):
            changed = codec.encode((*value[:number], odd, *value[number + 1 :]))
            cases.append(_undeclare(f"A number that is {why}.", name, changed, signature))
        cases += [
            _undeclare("A field is missing.", name, codec.encode(value[:-1]), signature),
            _undeclare("A field is added.", name, codec.encode((*value, 0)), signature),
            _undeclare("A byte follows.", name, body + b"\0", signature),
            _undeclare("A signature of 63 bytes.", name, body, signature[:63]),
        ]
    weak = codec.encode(ENROLMENT._replace(device=bytes(32)))
    cases.append(_undeclare("A key of small order.", "enrolment", weak, bytes(64)))
    return [
        *cases,
        _misinvited("another device", CIRCLE, "stranger"),
        _misinvited("another circle", HASH, "phone"),
        *(
            _undeclare(why, "enrolment", codec.encode(ENROLMENT._replace(device=device)), bytes(64))
            for why, device in (
                ("A key that is no point.", NO_POINT),
                ("A key outside the subgroup.", MIXED),
            )
        ),
    ]


def _undeclare(
    why: str, name: str, body: bytes, signature: bytes, error: str = "malformed"
) -> Case:
    wire = codec.encode((body, signature))
    return {"why": why, "error": error, "object": name, "wire": wire.hex()}


def _misinvited(whose: str, circle: bytes, device: str) -> Case:
    signature = declarations.sign_invitation(circle, key(device), seed("code"))
    return {
        "why": f"The invitation's key signed for {whose}.",
        "error": "signature-invalid",
        "object": "invitation",
        "invitation": key("code").hex(),
        "circle": CIRCLE.hex(),
        "device": key("phone").hex(),
        "signature": signature.hex(),
    }


def _commitments() -> list[Case]:
    order, text = signed_orders()["pay"], "Two hours in the garden – thank you!"
    secret = salt("entry 7")
    return [
        {
            "shows": "A circle's id is the hash of its identity key.",
            "function": "circle_id",
            "identity": key("identity").hex(),
            "hash": CIRCLE.hex(),
        },
        {
            "shows": "An order's id is the hash of its body.",
            "function": "order_id",
            "body": order.body.hex(),
            "hash": order.id.hex(),
        },
        {
            "shows": "An order signs a commitment to its text, which travels beside it.",
            "function": "text_commitment",
            "salt": HASH.hex(),
            "text": text,
            "hash": keys.text_commitment(HASH, text.encode()).hex(),
        },
        *(
            {
                "shows": f"The salt of {what} derives from the entry's secret.",
                "function": "derive_salt",
                "secret": secret.hex(),
                "position": position,
                "hash": keys.derive_salt(secret, position).hex(),
            }
            for position, what in ((0, "an order"), (1, "the first posting"), (1_001, "the last"))
        ),
        *(
            {
                "shows": f"A leaf commits to an order accepted on the word of: {authority}.",
                "function": "order_commitment",
                "authority": authority,
                "wire": order.wire.hex(),
                "salt": keys.derive_salt(secret, 0).hex(),
                "hash": order_commitment(authority, order.wire, keys.derive_salt(secret, 0)).hex(),
            }
            for authority in ("member", "mandate")
        ),
    ]


LONGEST = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 12}:65535"
_NAMED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("An address of 210 characters, with the largest port.", {"address": LONGEST}),
    ("An address of one letter.", {"address": "a"}),
    ("An address of digits and hyphens within.", {"address": "127.0.0.1.a--b.example:1"}),
    (
        "Any character that shows: also one that an older Unicode has not.",
        {"name": "Circle \U0001f91d\ufe0f \u20ac \U0001fae8".encode()},
    ),
    ("A numeral that is a word, in a unit's name.", {"unit_name": "\u4e00\u7c92".encode()}),
)
PREVIOUS = Previous(ORIGIN, 1_234, HASH, bytes(reversed(HASH)))


def _make(
    rules: Rules = RULES, epoch: int = 1, previous: tuple[Previous, ...] = (), **changed: Any
) -> tuple[Charter, Certificate]:
    """A charter and its certificate, some fields changed before the identity key signs."""
    encoded = encode_rules(rules)
    origin = origin_of(rules.address, CIRCLE, epoch)
    terms = terms_hash(encoded, key("paper"), previous)
    fields = (CIRCLE, epoch, origin, *map(key, WORKING), terms)
    certificate = Certificate._make(fields)._replace(**changed)
    body, signature = certify(certificate, seed("identity"))
    charter = Charter(key("identity"), body, signature, encoded, key("paper"), previous)
    return charter, certificate


def _charters() -> list[Case]:
    minutes = RULES._replace(
        name="Stra\xdfe der Nachbarn".encode(),
        address="kreis.example:8443",
        unit_name=b"minute",
        unit_plural=b"minutes",
        unit_kind="minutes",
        unit_scale=0,
        threshold=1,
    )
    made = [
        ("The first epoch of a circle that counts tokens.", _make()),
        ("A circle that counts minutes, at an address with a port.", _make(minutes)),
        (
            "A later epoch commits to the last known head and accounts.",
            _make(RULES, 2, (PREVIOUS,)),
        ),
        *((shows, _make(RULES._replace(**changed))) for shows, changed in _NAMED),
    ]
    return [
        {
            "shows": shows,
            "identity_seed": seed("identity").hex(),
            "rules": render(codec.unpack(charter.rules, 1_024, "rules")),
            "certificate": render(certificate),
            "charter": render(charter),
            "encoded": codec.encode(charter).hex(),
        }
        for shows, (charter, certificate) in made
    ]


def _broken() -> list[Case]:
    charter, certificate = _make()
    by_another = keys.sign(keys.CERTIFICATE, charter.certificate, seed("stranger"))
    rules = encode_rules(RULES._replace(threshold=1))
    changes: list[tuple[str, Charter, str]] = [
        ("Another key signed.", charter._replace(signature=by_another), "signature-invalid"),
        ("Another identity.", charter._replace(identity=key("stranger")), "signature-invalid"),
        ("Rules that were not certified.", charter._replace(rules=rules), "malformed"),
        ("Another paper key.", charter._replace(paper=key("stranger")), "malformed"),
        ("A past that was not certified.", charter._replace(previous=(PREVIOUS,)), "malformed"),
        ("A past in the first epoch.", _make(RULES, 1, (PREVIOUS,))[0], "malformed"),
        ("A later epoch without a past.", _make(RULES, 2)[0], "malformed"),
        ("The certificate of another circle.", _make(circle=HASH)[0], "malformed"),
        ("One key in two roles.", _make(witness=certificate.log)[0], "malformed"),
        ("The identity key as a working key.", _make(log=key("identity"))[0], "malformed"),
        ("The paper key as a working key.", _make(log=key("paper"))[0], "malformed"),
        ("An origin elsewhere.", _make(origin=ORIGIN.replace("south", "north"))[0], "malformed"),
        ("The origin of another epoch.", _make(origin=ORIGIN[:-1] + "2")[0], "malformed"),
    ]
    return [
        {"why": why, "error": error, "encoded": codec.encode(broken).hex()}
        for why, broken, error in changes
    ] + _broken_rules()


def _broken_rules() -> list[Case]:
    """Rules that no charter may have, certified all the same."""
    changes: list[tuple[str, dict[str, Any]]] = [
        *_BROKEN_RULES,
        *(
            (f"A name with U+{ord(mark):04X}.", {"name": f"a{mark}b".encode()})
            for mark in "\x00\x7f\x85\xa0\xad\u061c\u1680\u180e\u2003\u200d\u2028\u2029\u205f\u2060"
            "\u3000\ue000\ufeff\ufff9\uffff\U0001d173\U000e0041\U000f0000\U0010ffff"
        ),
        *((why, {"address": address}) for address, why in _BROKEN_ADDRESSES.items()),
    ]
    cases = []
    for why, changed in changes:
        encoded = codec.encode(RULES._replace(**changed))
        terms = terms_hash(encoded, key("paper"), ())
        address = changed.get("address", RULES.address)
        charter, _ = _make(terms=terms, origin=origin_of(address, CIRCLE, 1)[:255])
        broken = codec.encode(charter._replace(rules=encoded))
        cases.append({"why": why, "error": "malformed", "encoded": broken.hex()})
    return cases + _broken_paper()


def _broken_paper() -> list[Case]:
    """Paper keys that no verifier takes, certified all the same."""
    cases = []
    for why, paper in (
        ("A paper key that is no point.", NO_POINT),
        ("A paper key of small order.", bytes(32)),
        ("A paper key outside the subgroup.", MIXED),
    ):
        charter, _ = _make(terms=terms_hash(encode_rules(RULES), paper, ()))
        broken = codec.encode(charter._replace(paper=paper))
        cases.append({"why": why, "error": "malformed", "encoded": broken.hex()})
    forged = _make()[0]._replace(paper=NO_POINT, signature=bytes(64))
    why = "A paper key that is no point; nobody signed."
    refused = {"why": why, "error": "signature-invalid", "encoded": codec.encode(forged).hex()}
    return [*cases, refused]


_BROKEN_ADDRESSES = {
    "southwark.example:65536": "A port above 65535.",
    "southwark.example:0": "Port 0.",
    "southwark.example:": "No port after the colon.",
    "southwark..example": "An empty label.",
    ".southwark.example": "An empty first label.",
    "southwark.example.": "An empty last label.",
    "-southwark.example": "A label that begins with a hyphen.",
    "southwark-.example": "A label that ends with a hyphen.",
    "south_wark.example": "An underscore.",
    "a" * 64 + ".example": "A label of 64 characters.",
    f"{'a.' * 105}a": "An address of 211 characters.",
    "[::1]": "An address in brackets.",
}
_BROKEN_RULES: list[tuple[str, dict[str, Any]]] = [
    ("An address in capitals.", {"address": "Southwark.example"}),
    ("An address with a path.", {"address": "southwark.example/a"}),
    ("A port with a leading zero.", {"address": "southwark.example:0443"}),
    ("A name that is not UTF-8.", {"name": b"\xff"}),
    ("A name with a line break.", {"name": b"a\nb"}),
    ("A name with a mark that turns text around.", {"name": "a\u202eb".encode()}),
    ("Minutes with decimals.", {"unit_kind": "minutes"}),
    ("An unknown kind of unit.", {"unit_kind": "euro"}),
    ("Ten decimals.", {"unit_scale": 10}),
    ("A threshold of nobody.", {"threshold": 0}),
    ("Starter credit above the ceiling.", {"starter": RULES.ceiling + 1}),
    ("More credit than the most.", {"floor": -RULES.credit_limit_max - 1}),
    ("A floor above zero.", {"floor": 1}),
    ("A wait of more than ninety days.", {"device_wait": 90 * DAY + 1}),
]
