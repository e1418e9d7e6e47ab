"""A circle's first neighbour, put beside a node that was stopped: an agreement, and one payment."""

from __future__ import annotations

import os

from ledger import keys
from ledger.append import append
from ledger.federation import terms
from ledger.federation.agreement import (
    Party,
    encode_agreement,
    join_agreement,
    link_id,
    make_agreement,
    sign_agreement,
)
from ledger.federation.link import FederationChange
from ledger.federation.message import Prepare
from ledger.federation.payment import (
    Inside,
    PaymentHeader,
    encode_header,
    seal,
    sealed_hash,
)
from ledger.federation.receive import Keys, Received, receive
from ledger.state import apply
from tests.check_links import Neighbour, party
from tests.circle import HOUR, salt, seed
from tests.dishonest_operator import DishonestOperator

ARRIVES = 70


async def befriend(operator: DishonestOperator) -> None:
    """Have the circle agree with exeter, from where Cat is then paid 70."""
    ring, entries = operator.keyring, []
    changes: list[FederationChange] = []
    own = Keys(keys.public_key(ring.decision), ring.decision)
    async with operator.writing() as (connection, loaded):
        state, origin = loaded.state, loaded.certificate.origin
        circle, now = state.circle, state.log_time + 1
        link = link_id(circle, party("exeter").circle)
        url = "https://peckham.example"
        mine = Party(circle, origin, keys.public_key(ring.link), own.decision, url, 1, 1, 900)
        theirs = party("exeter")
        body = encode_agreement(make_agreement(1, b"hours", 500, 9, mine, theirs))
        signed = {circle: ring.link, theirs.circle: seed("exeter link")}
        pair = (sign_agreement(body, signed[side]) for side in sorted(signed))
        steps = [terms.open_link(state, join_agreement(body, *pair))]
        sealed = seal(Inside("cat", "eve@exeter.example", b"", salt("x")), own.decision, salt("y"))
        header = PaymentHeader(circle, own.decision, now + HOUR, ARRIVES, sealed_hash(sealed))
        prepare = Prepare(encode_header(header), ARRIVES, ())
        while steps:
            step = steps.pop()
            assert step.entry is not None, step.fault
            personal, secret = step.personal, os.urandom(32)
            entries.append(append(state, step.entry, step.wire, personal, secret, now))
            apply(state, step.changes)
            changes += step.changes
            if len(entries) == 1:
                wire, said = Neighbour("exeter", link).say(circle, prepare)
                [cat] = operator.circle.cat.accounts
                text = (keys.text_commitment(salt("x"), b""),)
                received = Received(link, (wire,), said, cat, text, sealed)
                steps.append(receive(state, own, received, now))
        await operator.write(connection, loaded, entries, changes)
