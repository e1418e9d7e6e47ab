"""An order with several faults, which a test mends one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.errors import Refused, TallystickError, Unacceptable
from ledger.orders import LIFETIME_MS_MAX, Act, Enrol, Freeze, Pay
from tests.circle import Circle, Person, key

USED_NONCE = 9
"""A nonce that a lost device has used."""


@dataclass(slots=True)
class Attempt:
    """An order to be signed and submitted; ``header`` overrides the header's fields."""

    signer: Person
    act: Act
    account: int = 0
    cosigners: tuple[str, ...] = ()
    handle: str = ""
    header: dict[str, Any] = field(default_factory=dict)

    def outcome(self, here: Circle, **header: Any) -> str:
        """Sign it anew and submit it: "ok" or the code of the error."""
        return here.try_(
            self.signer,
            self.act,
            self.handle,
            account=self.account,
            cosigners=self.cosigners,
            **self.header | header,
        )


Steps = Iterator[tuple[Attempt, str]]
"""The same attempt, each time with one fault less, and the code expected then."""


def rank(code: str) -> int:
    """Where an error stands in the documented order of precedence; an accepted order comes last."""
    return [*_codes(Unacceptable), *_codes(Refused), "ok"].index(code)


def _codes(group: type[TallystickError]) -> list[str]:
    return [error.code for error in group.__subclasses__()]


def check_steps(circle: Circle, steps: Steps) -> list[str]:
    """Submit an attempt at each step; every order is first checked as all orders are.

    Returns the codes, which come in the documented order.
    """
    codes: list[str] = []
    for attempt, expected in steps:
        if not codes:
            codes += _check_shared(circle, attempt)
        assert attempt.outcome(circle) == expected, (expected, attempt)
        codes.append(expected)
    ranks = [rank(code) for code in codes]
    assert ranks == sorted(ranks), codes
    assert codes[-1] == "ok"
    return codes


def _check_shared(circle: Circle, attempt: Attempt) -> list[str]:
    """What every order but a joining is refused for, before anybody looks at what it orders."""
    signer, lost = attempt.signer, f"{attempt.signer.name}'s lost phone"
    if not signer.person:
        return []
    circle.do(signer, Enrol(signer.person, circle.enrolment(lost), "device", 1))
    assert circle.try_(signer, Pay(((999, 1),)), device=lost, nonce=USED_NONCE) == "account-unknown"
    circle.do(signer, Freeze(key(lost)))
    faults: dict[str, Any] = {
        "circle": bytes(32),
        "device": "a stranger's phone",
        "expires": circle.now,
        "nonce": USED_NONCE,
        "person": 99,
    }
    mended: list[tuple[str, dict[str, Any]]] = [
        ("wrong-circle", {"circle": circle.state.circle}),
        ("device-unknown", {"device": lost}),
        ("order-expired", {"expires": circle.now + LIFETIME_MS_MAX + 1}),
        ("expiry-too-far", {"expires": circle.now + LIFETIME_MS_MAX}),
        ("nonce-conflict", {"nonce": 1_000_000}),
        ("device-unusable", {"device": signer.device}),
        ("person-mismatch", {}),
    ]
    for expected, mend in mended:
        assert attempt.outcome(circle, **faults) == expected
        faults |= mend
    return [code for code, _ in mended]
