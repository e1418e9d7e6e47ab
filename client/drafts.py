"""Drafts: what a person asks for, and the signed orders made of them.

A draft says nothing of time or chance, so the same one asked for twice has the same ``intent`` and
goes out as one order while the first has no answer. Signing adds a nonce, an expiry and salts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from client import limits
from client.records import SALT_BYTES, Memo, UnansweredOrder
from ledger import codec, keys, orders
from ledger.orders import Act, Header, Join, Open, Order, Redeem, Sell, SignedOrder

LIFETIME_MS: Final = 12 * 3600 * 1000
"""Half of what is allowed, so that a clock may be half a day wrong."""

SAVED_LIFETIME_MS: Final = 23 * 3600 * 1000
"""For orders that others still have to sign."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as a person means it. ``account`` is 0 where the act is on none.

    ``text`` is what is told with it, for officers their reason; ``slip`` the channel and number of
    the paper it is entered from; ``mandate`` the entry by which another person's account may be
    used; ``route`` what stands beside the order of a payment into another circle.
    """

    act: Act
    account: int = 0
    text: str | None = field(default=None, repr=False)
    slip: tuple[str, str] | None = None
    mandate: int | None = None
    route: bytes | None = field(default=None, repr=False)

    def intent(self) -> str:
        """The same for the same request, and for no other."""
        slip = () if self.slip is None else self.slip
        mandate = () if self.mandate is None else (self.mandate,)
        text = () if self.text is None else (self.text.encode(),)
        asked = codec.encode((self.account, tuple(self.act), slip, mandate, text))
        return f"{orders.kind_of(self.act)} {sha256(asked).hexdigest()[:32]}"

    def _order(
        self,
        circle: bytes,
        person: int,
        device: bytes,
        nonce: int,
        expires: int,
        text: tuple[bytes, ...],
    ) -> Order:
        header = Header(
            circle=circle,
            kind=orders.kind_of(self.act),
            account=self.account,
            person=person,
            device=device,
            nonce=nonce,
            expires=expires,
            text=text,
            slip=() if self.slip is None else (self.slip,),
            mandate=() if self.mandate is None else (self.mandate,),
        )
        return Order(header, self.act)

    def _check_words(self) -> None:
        if self.slip is not None:
            limits.check_slip(*self.slip)
        if isinstance(self.act, Sell | Redeem):
            limits.check_reference(self.act.reference)
        if self.text is None:
            return
        if isinstance(self.act, Join) or (isinstance(self.act, Open) and not self.act.holder):
            handle, _, name = self.text.partition("\n")
            limits.check_handle(handle)
            limits.check_name(name)
        else:
            limits.check_text(self.text)

    def sign(
        self, circle: bytes, signatory: Signatory, nonce: int, expires: int
    ) -> tuple[SignedOrder, Memo | None]:
        """The signed order, and the text beside it under a fresh salt.

        Raises InputRefused for words that no node takes, MalformedObject.
        """
        self._check_words()
        memo = None if self.text is None else Memo(self.text, os.urandom(SALT_BYTES))
        text = () if memo is None else (keys.text_commitment(memo.salt, memo.text.encode()),)
        device = keys.public_key(signatory.seed)
        order = self._order(circle, signatory.person, device, nonce, expires, text)
        signed = orders.sign_order(order, signatory.seed)
        for seed in signatory.cosigning:
            signed = orders.cosign(signed, seed)
        return signed, memo


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signs: a person with a device's seed (32 bytes), and other keys that sign beside it."""

    person: int
    seed: bytes = field(repr=False)
    cosigning: tuple[bytes, ...] = field(default=(), repr=False)


def unanswered(
    nonce: int,
    intent: str,
    signed: SignedOrder,
    memo: Memo | None,
    route: bytes | None = None,
) -> UnansweredOrder:
    """The order as the outbox keeps it."""
    return UnansweredOrder(nonce, intent, signed.wire, memo, route)
