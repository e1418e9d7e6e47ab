"""Amounts as people write and read them (ledger/amount.py)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.amount import (
    AMOUNT_MAX,
    AMOUNT_TEXT_MAX,
    Unit,
    UnitKind,
    amount_in_words,
    format_amount,
    format_figure,
    is_amount,
    parse_amount,
    standing_in_words,
)
from ledger.errors import InvalidAmount

TOKEN = Unit("token", "tokens", UnitKind.DECIMAL, 2)
ACORN = Unit("acorn", "acorns", UnitKind.DECIMAL)
SARAFU = Unit("Sarafu", "Sarafu", UnitKind.DECIMAL, 6)
HOUR = Unit("hour", "hours", UnitKind.MINUTES)
CREDIT = Unit("time credit", "time credits", UnitKind.MINUTES)

amounts = st.one_of(
    st.integers(0, AMOUNT_MAX), st.integers(0, 10_000), st.sampled_from([0, 1, 59, 60, AMOUNT_MAX])
)


def _is_unit_name(name: str) -> bool:
    try:
        Unit(name, name, UnitKind.DECIMAL)
    except InvalidAmount:
        return False
    return True


names = st.text(st.characters(exclude_categories=["C", "N", "Z"]), min_size=1, max_size=12).filter(
    _is_unit_name
)
units = st.one_of(
    st.builds(Unit, names, names, st.just(UnitKind.DECIMAL), st.integers(0, 9)),
    st.builds(Unit, names, names, st.just(UnitKind.MINUTES)),
    st.sampled_from([TOKEN, ACORN, SARAFU, HOUR, CREDIT, Unit("h", "m", UnitKind.DECIMAL, 3)]),
)


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("2", TOKEN, 200),
        ("0", TOKEN, 0),
        ("007", TOKEN, 700),
        ("1.5", TOKEN, 150),
        ("1,5", TOKEN, 150),
        ("1,25", TOKEN, 125),
        ("  3.5 tokens\n", TOKEN, 350),
        ("1 Token", TOKEN, 100),
        ("2tokens", TOKEN, 200),
        ("2\u00a0tokens", TOKEN, 200),
        ("1.234", SARAFU, 1_234_000),
        ("1,2345", SARAFU, 1_234_500),
        ("2", ACORN, 2),
        ("2", HOUR, 120),
        ("20", HOUR, 1200),
        ("1.5", HOUR, 90),
        ("1,5", HOUR, 90),
        ("1.5 hours", HOUR, 90),
        ("0.05", HOUR, 3),
        ("1.25h", HOUR, 75),
        ("1h20", HOUR, 80),
        ("1 h 20", HOUR, 80),
        ("1 h 05", HOUR, 65),
        ("1h5", HOUR, 65),
        ("1H20M", HOUR, 80),
        ("1h", HOUR, 60),
        ("20min", HOUR, 20),
        ("20m", HOUR, 20),
        ("90 minutes", HOUR, 90),
        ("1:20", HOUR, 80),
        ("2 hours and 20 minutes", HOUR, 140),
        ("1 hour 1 minute", HOUR, 61),
        ("2 Time Credits", CREDIT, 120),
        ("2 hours", CREDIT, 120),
    ],
)
def test_what_people_write_is_read(text: str, unit: Unit, amount: int) -> None:
    """Whole units, decimals with either mark, times, and the unit's own name."""
    assert parse_amount(text, unit) == amount


@pytest.mark.parametrize(
    ("text", "unit", "reason", "instead"),
    [
        ("", TOKEN, "is empty", "1.5"),
        (" \t ", HOUR, "is empty", "1 h 20"),
        ("+3", TOKEN, "has a sign", "without it"),
        ("-3", HOUR, "has a sign", "without it"),
        ("\u22123", TOKEN, "has a sign", "without it"),
        ("1,500", TOKEN, "can be read in two ways", "1500 or 1.5,"),
        ("1,000", ACORN, "can be read in two ways", "1000 or 1,"),
        ("0,500", HOUR, "can be read in two ways", "500 or 0.5,"),
        ("1,500", SARAFU, "can be read in two ways", "1500 or 1.5,"),
        ("1,234,567", ACORN, "marks between its thousands", "without them"),
        ("1,234.50", TOKEN, "marks between its thousands", "without them"),
        ("1.234,50", TOKEN, "marks between its thousands", "without them"),
        ("1 000", TOKEN, "marks between its thousands", "without them"),
        ("1'000", TOKEN, "marks between its thousands", "without them"),
        ("1.234", TOKEN, "has 3 decimals, and tokens have at most 2", "1.23"),
        ("1.500", TOKEN, "has 3 decimals, and tokens have at most 2", "1.50"),
        ("1.5", ACORN, "acorns are counted in whole numbers", "1"),
        ("1.33", HOUR, "is not a whole number of minutes", "1 h 20"),
        ("0.999", HOUR, "is not a whole number of minutes", "1 h"),
        ("1h75", HOUR, "has 75 minutes beside its hours", "2 h 15"),
        ("1:60", HOUR, "has 60 minutes beside its hours", "2 h"),
        (".5", TOKEN, "no digits on one side of its decimal point", "1.5"),
        ("5.", TOKEN, "no digits on one side of its decimal point", "1.5"),
        (".", TOKEN, "is not an amount in tokens", "1.5"),
        ("1h20", TOKEN, "is a time, and this circle counts in tokens", "1.5"),
        ("2 hours", TOKEN, "is not in tokens", "1.5"),
        ("2 tokens", HOUR, "is not in hours", "1 h 20"),
        ("1.5 tokens", ACORN, "is not in acorns", "2"),
        ("1.5h20", HOUR, "is not an amount in hours", "1 h 20"),
        ("1:2", HOUR, "is not an amount in hours", "1 h 20"),
        ("1e3", TOKEN, "is not an amount in tokens", "1.5"),
        ("0x10", TOKEN, "is not an amount in tokens", "1.5"),
        ("1_000", TOKEN, "is not an amount in tokens", "1.5"),
        ("1..2", TOKEN, "is not an amount in tokens", "1.5"),
        ("inf", TOKEN, "is not an amount in tokens", "1.5"),
        ("NaN", HOUR, "is not an amount in hours", "1 h 20"),
        ("\u00bd", TOKEN, "is not an amount in tokens", "1.5"),
        ("\u00b2", TOKEN, "is not an amount in tokens", "1.5"),
        ("\u0663", TOKEN, "digits other than 0 to 9", "1.5"),
        ("\uff12", HOUR, "digits other than 0 to 9", "1 h 20"),
        ("1h\u0662", HOUR, "digits other than 0 to 9", "1 h 20"),
        ("1\x00", TOKEN, "is not in tokens", "1.5"),
        ("90071992547409.92", TOKEN, "more than can be counted", "90071992547409.91 tokens"),
        ("9007199254740992min", HOUR, "more than can be counted", "150119987579016 h 31"),
        ("9" * AMOUNT_TEXT_MAX, ACORN, "more than can be counted", "9007199254740991 acorns"),
        ("1" * (AMOUNT_TEXT_MAX + 1), ACORN, "longer than 64 characters", "2"),
    ],
)
def test_what_cannot_be_read_is_refused_saying_what_to_write(
    text: str, unit: Unit, reason: str, instead: str
) -> None:
    """The message is one sentence with the text, what is wrong with it, and what would do."""
    with pytest.raises(InvalidAmount) as caught:
        parse_amount(text, unit)
    error = caught.value
    assert error.code == "amount-invalid"
    assert reason in error.reason
    assert instead in error.instead
    assert error.text == (text if len(text) > AMOUNT_TEXT_MAX else " ".join(text.split()))
    assert len(str(error)) < 250
    assert str(error).endswith(f"{error.reason}; write {error.instead}.")


@given(amounts, units)
def test_formatted_amount_reads_back_exactly(amount: int, unit: Unit) -> None:
    """parse(format(x)) == x, with the unit's name and without it."""
    assert parse_amount(format_amount(amount, unit), unit) == amount
    assert parse_amount(format_figure(amount, unit), unit) == amount
    negative = format_amount(-amount, unit)
    assert parse_amount(negative.removeprefix("-"), unit) == amount
    assert negative.startswith("-") == (amount > 0)


@given(amounts)
def test_spoken_time_reads_back_exactly(amount: int) -> None:
    """The words for a time are words that parse_amount takes, but for halves and nothing."""
    spoken = amount_in_words(amount, HOUR)
    if "half" not in spoken and amount:
        assert parse_amount(spoken, HOUR) == amount


@given(st.text(alphabet="0123456789.,:hm \u00a0'-+eEtokensru\u0663\u00bd", max_size=24), units)
def test_any_text_is_an_amount_or_refused(text: str, unit: Unit) -> None:
    """No text whatever gets past as anything but an amount, or raises another error."""
    try:
        amount = parse_amount(text, unit)
    except InvalidAmount:
        return
    assert is_amount(amount)
    assert amount >= 0
    assert parse_amount(format_amount(amount, unit), unit) == amount


@pytest.mark.parametrize(
    ("amount", "unit", "plain", "signed"),
    [
        (350, TOKEN, "3.5 tokens", "+3.5 tokens"),
        (100, TOKEN, "1 token", "+1 token"),
        (-100, TOKEN, "-1 token", "-1 token"),
        (-25, TOKEN, "-0.25 tokens", "-0.25 tokens"),
        (0, TOKEN, "0 tokens", "0 tokens"),
        (1, SARAFU, "0.000001 Sarafu", "+0.000001 Sarafu"),
        (AMOUNT_MAX, ACORN, "9007199254740991 acorns", "+9007199254740991 acorns"),
        (80, HOUR, "1 h 20", "+1 h 20"),
        (65, HOUR, "1 h 05", "+1 h 05"),
        (-80, HOUR, "-1 h 20", "-1 h 20"),
        (120, HOUR, "2 h", "+2 h"),
        (20, CREDIT, "20 min", "+20 min"),
        (0, HOUR, "0 min", "0 min"),
    ],
)
def test_amount_is_formatted_exactly(amount: int, unit: Unit, plain: str, signed: str) -> None:
    """Trailing zeros go, nothing else does; the figure is the same without the name."""
    assert format_amount(amount, unit) == plain
    assert format_amount(amount, unit, sign=True) == signed
    assert plain.startswith(format_figure(amount, unit))


@pytest.mark.parametrize(
    ("amount", "unit", "words"),
    [
        (0, TOKEN, "no tokens"),
        (100, TOKEN, "1 token"),
        (300, TOKEN, "3 tokens"),
        (350, TOKEN, "3 and a half tokens"),
        (50, TOKEN, "half a token"),
        (325, TOKEN, "3.25 tokens"),
        (1, ACORN, "1 acorn"),
        (50, Unit("acorn", "acorns", UnitKind.DECIMAL, 2), "half an acorn"),
        (-100, TOKEN, "minus 1 token"),
        (0, HOUR, "no hours"),
        (30, HOUR, "half an hour"),
        (60, HOUR, "1 hour"),
        (210, HOUR, "3 and a half hours"),
        (140, HOUR, "2 hours and 20 minutes"),
        (61, CREDIT, "1 hour and 1 minute"),
        (20, HOUR, "20 minutes"),
    ],
)
def test_amount_is_said_in_words(amount: int, unit: Unit, words: str) -> None:
    """Halves as one says them, anything else exactly."""
    assert amount_in_words(amount, unit) == words


@pytest.mark.parametrize(
    ("balance", "unit", "words"),
    [
        (210, HOUR, "You have 3 and a half hours"),
        (0, TOKEN, "You have no tokens"),
        (-240, HOUR, "You've had 4 hours more help than you've given"),
        (-30, HOUR, "You've had half an hour more help than you've given"),
        (-100, TOKEN, "You've had 1 token more help than you've given"),
    ],
)
def test_standing_says_which_way_it_goes(balance: int, unit: Unit, words: str) -> None:
    """Never a sign, never the word debt."""
    assert standing_in_words(balance, unit) == words


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, AMOUNT_MAX + 1, -AMOUNT_MAX - 1])
def test_what_is_no_amount_is_never_shown(value: object) -> None:
    """bool, float, text and integers beyond the limit are refused by everything that formats."""
    assert not is_amount(value)
    for render in (format_amount, format_figure, amount_in_words, standing_in_words):
        with pytest.raises(InvalidAmount):
            render(value, TOKEN)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, AMOUNT_MAX, -AMOUNT_MAX])
def test_integers_up_to_the_limit_are_amounts(value: int) -> None:
    """The bounds are inclusive, both ways."""
    assert is_amount(value)


@pytest.mark.parametrize(
    "name",
    [
        *("", " token", "token ", "a  b", "2nd", "e5", "\u00b2", ".x", "-x", ":x", "a\nb"),
        *("a\u202eb", "\ud800", "e\u0301", "t" * 41, "\u00e9" * 21),
    ],
)
def test_name_that_would_confuse_an_amount_is_no_name_of_a_unit(name: str) -> None:
    """Digits, signs, control characters, un-normalised or overlong text."""
    with pytest.raises(InvalidAmount):
        Unit(name, "tokens", UnitKind.DECIMAL)
    with pytest.raises(InvalidAmount):
        Unit("token", name, UnitKind.DECIMAL)


@pytest.mark.parametrize(
    ("kind", "scale"),
    [
        (UnitKind.DECIMAL, -1),
        (UnitKind.DECIMAL, 10),
        (UnitKind.DECIMAL, True),
        (UnitKind.DECIMAL, 1.0),
        (UnitKind.MINUTES, 1),
        ("decimal", 0),
        ("hours", 0),
    ],
)
def test_unit_of_unknown_kind_or_scale_is_refused(kind: object, scale: object) -> None:
    """Scale is 0 to 9 for decimals and 0 for minutes, and an int."""
    with pytest.raises(InvalidAmount):
        Unit("token", "tokens", kind, scale)  # type: ignore[arg-type]
