"""What people write is held against the circle's limits before it is signed (client/limits.py)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from client.answers import Submission
from client.drafts import Draft, Signatory
from client.errors import InputRefused
from client.limits import check_label
from client.records import Memo
from ledger import keys
from ledger.declarations import Enrolment, sign_enrolment
from ledger.errors import MalformedObject
from ledger.orders import Act, Header, Open, Order, Pay, Sell, kind_of, sign_order
from node.api.submission import Unreadable, parse_item

CIRCLE, SEED, SALT = bytes(32), bytes(32), bytes(32)
PAY = Pay(((102, 1),))
OPEN = Open((), -1, 1, 0, 1, ())
WORDS = st.text(max_size=120)


def refusal(draft: Draft) -> str | None:
    """The client's sentence, or None where it signs."""
    try:
        draft.sign(CIRCLE, Signatory(101, SEED), 1, 2)
    except InputRefused as refused:
        return str(refused)
    return None


def is_taken_by_a_node(act: Act, account: int, text: str) -> bool:
    """Whether a node reads such an order at all, when nobody looked at the words before."""
    try:
        commitment = keys.text_commitment(SALT, text.encode())
    except UnicodeEncodeError:
        return False
    device = keys.public_key(SEED)
    header = Header(CIRCLE, kind_of(act), account, 101, device, 1, 2, (commitment,))
    wire = sign_order(Order(header, act), SEED).wire
    return not isinstance(parse_item(Submission(wire, Memo(text, SALT)).to_json()), Unreadable)


@given(WORDS)
@example("x" * 2000)
@example("x" * 2001)
@example("\u00fc" * 1001)
@example("two\nlines")
@example("a\tb")
@example("\u2028")
@example("\ud800")
@example("")
def test_text_is_refused_here_if_and_only_if_a_node_would_refuse_it(text: str) -> None:
    is_taken = is_taken_by_a_node(PAY, 101, text)
    assert (refusal(Draft(PAY, 101, text)) is None) == is_taken


@given(st.one_of(st.from_regex(r"[a-z][a-z0-9-]{0,40}", fullmatch=True), WORDS), WORDS)
@example("ann", "Ann Archer")
@example("ann", "A" * 100)
@example("ann", "A" * 101)
@example("ann", " Ann")
@example("ann", "")
@example("ann", "An\x1bn")
@example("ann", "\ud800")
@example("a", "Ann")
@example("1st", "Ann")
@example("a" * 33, "Ann")
@example("ann\n", "Ann")
def test_names_are_refused_here_if_and_only_if_a_node_would_refuse_them(
    handle: str, name: str
) -> None:
    text = f"{handle}\n{name}"
    assert (refusal(Draft(OPEN, 0, text)) is None) == is_taken_by_a_node(OPEN, 0, text)


@given(WORDS)
@example("x" * 64)
@example("x" * 65)
@example("K\u00fcche")
@example("")
def test_label_is_refused_here_if_and_only_if_no_enrolment_could_have_it(label: str) -> None:
    try:
        sign_enrolment(Enrolment(CIRCLE, keys.public_key(SEED), 1, label), SEED)
    except MalformedObject:
        with pytest.raises(InputRefused):
            check_label(label)
    else:
        check_label(label)


@pytest.mark.parametrize(
    ("draft", "limit"),
    [
        (Draft(PAY, 101, "x" * 2001), "at most 2000 bytes"),
        (Draft(PAY, 101, "a\tb"), "the sign U+0009"),
        (Draft(OPEN, 0, "Ann Archer\nAnn"), "2 to 32 of the letters a to z"),
        (Draft(OPEN, 0, f"ann\n{'A' * 101}"), "at most 100 letters, and that one has 101"),
        (Draft(PAY, 101, None, ("paper", "9" * 33)), "1 to 32 plain letters"),
        (Draft(PAY, 101, None, ("stall n\u00b0", "9")), "without accents"),
        (Draft(Sell(1, "r" * 65), 101, "x"), "1 to 64 plain letters"),
    ],
)
def test_refusal_gives_the_limit_in_one_plain_sentence(draft: Draft, limit: str) -> None:
    told = refusal(draft)
    assert told is not None
    assert limit in told
    assert told.endswith(".")
    assert "\n" not in told
    assert len(told) < 200
