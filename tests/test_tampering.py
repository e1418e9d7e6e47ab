"""What is changed behind a node's back, and who notices: the table in SECURITY.md, tried out."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from ledger.append import pack_postings
from ledger.decide import Decision, Move
from ledger.entry import decode_leaf, decode_postings, encode_leaf, encode_posting
from ledger.orders import COMMUNITY, TREASURY, Pay, Payout
from tests.dishonest_neighbour import befriend
from tests.dishonest_operator import (
    APPLES,
    LIFT,
    THANKS,
    DishonestOperator,
    LivedIn,
    dishonest_operator,
    live_in,
)

Tampering = Callable[[DishonestOperator], Awaitable[None]]


async def nothing(operator: DishonestOperator) -> None:
    operator.serve()


async def balance(operator: DishonestOperator) -> None:
    await operator.sql(
        "UPDATE accounts SET balance = balance + 500 WHERE number = $1", operator.account
    )


async def limit(operator: DishonestOperator) -> None:
    await operator.sql(
        "UPDATE accounts SET floor = floor - 500, lowest = lowest - 500 WHERE number = $1",
        operator.account,
    )


async def line(operator: DishonestOperator) -> None:
    await operator.sql(
        "UPDATE postings SET delta = delta - 100, balance = balance - 100"
        " WHERE account = $1 AND seq = $2",
        operator.account,
        APPLES,
    )


async def line_taken_out(operator: DishonestOperator) -> None:
    await operator.sql(
        "DELETE FROM postings WHERE account = $1 AND seq = $2", operator.account, THANKS
    )


async def posting(operator: DishonestOperator) -> None:
    """In the entry, where it was committed to, and on the statement alike."""
    entry = operator.entry(LIFT)
    postings = decode_postings(
        await operator.value("SELECT postings FROM entries WHERE index = $1", entry)
    )
    changed = [
        each._replace(delta=each.delta - 40, balance=each.balance - 40)
        if each.account == operator.account
        else each
        for each in postings
    ]
    packed = pack_postings(tuple(map(encode_posting, changed)))
    await operator.sql("UPDATE entries SET postings = $2 WHERE index = $1", entry, packed)
    await operator.sql(
        "UPDATE postings SET delta = delta - 40, balance = balance - 40"
        " WHERE account = $1 AND seq = $2",
        operator.account,
        LIFT,
    )
    await operator.sql(
        "UPDATE accounts SET balance = balance - 40 WHERE number = $1", operator.account
    )


async def own_words(operator: DishonestOperator) -> None:
    await operator.sql(
        "UPDATE personal SET body = 'pears' WHERE entry = $1", operator.entry(APPLES)
    )


async def words(operator: DishonestOperator) -> None:
    await operator.sql(
        "UPDATE personal SET body = 'what I owed you' WHERE entry = $1", operator.entry(LIFT)
    )


async def own_words_deleted(operator: DishonestOperator) -> None:
    await operator.sql("DELETE FROM personal WHERE entry = $1", operator.entry(APPLES))


async def tile(operator: DishonestOperator) -> None:
    await operator.sql(
        "UPDATE tiles SET data = set_byte(data, 200 * 32, 255 - get_byte(data, 200 * 32))"
        " WHERE level = 0 AND index = 0"
    )


async def leaf(operator: DishonestOperator) -> None:
    """That of somebody else's payment."""
    stored = decode_leaf(await operator.value("SELECT leaf FROM entries WHERE index = 200"))
    changed = encode_leaf(stored._replace(postings=(os.urandom(32),)))
    await operator.sql("UPDATE entries SET leaf = $1 WHERE index = 200", changed)


async def entry_taken_out(operator: DishonestOperator) -> None:
    for statement in (
        "DELETE FROM entries WHERE index = $1",
        "DELETE FROM postings WHERE entry = $1",
    ):
        await operator.sql(statement, operator.entry(APPLES))


async def minted(operator: DishonestOperator) -> None:
    cat = operator.circle.cat
    [account] = cat.accounts
    order = operator.sign(
        Payout(((account, 900),)), os.urandom(32), person=cat.person or 0, account=TREASURY
    )
    moves = (Move(TREASURY, -900), Move(account, 900))
    async with operator.writing() as (connection, loaded):
        await operator.log(connection, loaded, order.wire, Decision("payout", "officer", moves))


async def taken(operator: DishonestOperator) -> None:
    """By an order in Ben's name that a key of nobody's signed."""
    ben = operator.circle.ben
    seed = os.urandom(32)
    order = operator.sign(
        Pay(((COMMUNITY, 100),)), seed, person=ben.person or 0, account=operator.account
    )
    moves = (Move(operator.account, -100), Move(COMMUNITY, 100))
    async with operator.writing() as (connection, loaded):
        await operator.log(connection, loaded, order.wire, Decision("pay", "member", moves))


async def booked_for_less(operator: DishonestOperator) -> None:
    """Cat's order pays Ben 20."""
    cat, ben = operator.circle.cat.accounts[0], operator.account
    moves = (Move(cat, -5), Move(ben, 5))
    async with operator.writing() as (connection, loaded):
        decision = Decision("pay", "member", moves)
        await operator.log(connection, loaded, operator.circle.unsent, decision)


async def doubled_number(operator: DishonestOperator) -> None:
    """A number on Ben's account goes to a second posting, which is shown instead of the first."""
    cat, ben = operator.circle.cat.accounts[0], operator.account
    moves = (Move(cat, -20), Move(ben, 20))
    async with operator.writing() as (connection, loaded):
        await connection.execute(
            "DELETE FROM postings WHERE account = $1 AND seq >= $2", ben, THANKS
        )
        packed = await connection.fetchval(
            "SELECT postings FROM entries WHERE index = $1", operator.entry(THANKS)
        )
        [first] = [each for each in decode_postings(packed) if each.account == ben]
        row = loaded.state.accounts[ben]
        row.balance, row.seq, row.last = first.balance - first.delta, first.seq - 1, first.previous
        decision = Decision("pay", "member", moves)
        await operator.log(connection, loaded, operator.circle.unsent, decision)


async def shorter(operator: DishonestOperator) -> None:
    operator.go_back()


async def without_a_payment(operator: DishonestOperator) -> None:
    """All later orders are played again but that of Ben's apples."""
    operator.go_back()
    first, _, *others = operator.circle.later
    await operator.play(first, *others)


async def another_order(operator: DishonestOperator) -> None:
    """The later orders are played again, two of them the other way round."""
    operator.go_back()
    first, apples, *others = operator.circle.later
    await operator.play(apples, first, *others)


async def device(operator: DishonestOperator) -> None:
    await operator.sql(
        "INSERT INTO devices (key, person, role, label, status, active_from, capped_until, spent)"
        " VALUES ($1, $2, 'device', 'phone', 'active', 0, 0, 0)",
        os.urandom(32),
        operator.circle.ben.person,
    )


async def name(operator: DishonestOperator) -> None:
    """Who looks for Cat finds Ann."""
    for before, after in (("cat", "catherine"), ("ann", "cat")):
        await operator.sql("UPDATE people SET handle = $2 WHERE handle = $1", before, after)


async def neighbour(operator: DishonestOperator) -> None:
    """Nothing is changed; there only is one."""
    await befriend(operator)


async def tally(operator: DishonestOperator) -> None:
    await befriend(operator)
    await operator.sql("UPDATE links SET owed = owed - 20")


async def link_message(operator: DishonestOperator) -> None:
    """What the circle said, for what no key of it signed."""
    await befriend(operator)
    await operator.sql(
        "UPDATE link_messages SET wire = set_byte(wire, length(wire) - 9,"
        " 255 - get_byte(wire, length(wire) - 9)) WHERE sent"
    )


async def payment_elsewhere(operator: DishonestOperator) -> None:
    await befriend(operator)
    await operator.sql("UPDATE transits SET account = $1", operator.account)


async def mirror_posting(operator: DishonestOperator) -> None:
    await befriend(operator)
    await operator.sql("UPDATE postings SET delta = 5 WHERE account = 4 AND delta < 0")


@dataclass(frozen=True, slots=True)
class Row:
    """``check`` is in a sentence of ``tallyd check``; ``verify`` is a kind of finding, or the code
    of an error, that Ben is told of; ``whole_log`` where it takes that option. "" is nothing."""

    what: str
    tamper: Tampering
    check: str = ""
    verify: str = ""
    whole_log: str = ""


ROWS: Final = (
    Row("nothing", nothing),
    Row("your balance", balance, "its balance is", "balance-wrong"),
    Row("your credit limit", limit, "its floor is"),
    Row("a line of your statement", line, "its delta is", "line-wrong"),
    Row("a line of your statement, taken out", line_taken_out, "it is missing", "line-missing"),
    Row(
        "a posting of yours, in its entry and on the statement",
        posting,
        "not those that its leaf commits to",
        "line-unproved",
    ),
    Row("words that you wrote", own_words, "not the text that the entry", "text-changed"),
    Row("words that you wrote, deleted", own_words_deleted, "", "text-changed"),
    Row("words that were written to you", words, "not the text that the entry", "line-unproved"),
    Row("a device, put among yours", device, "nothing in the log makes it"),
    Row("the name that a number goes by", name, "its handle is not the one"),
    Row("a tile", tile, "is not that of the log's entries", "history-unproven"),
    Row("a leaf under an unchanged tile", leaf, "its leaf commits to", "", "log-damaged"),
    Row("an entry of yours, taken out", entry_taken_out, "it is missing", "line-missing"),
    Row(
        "an entry that nobody was allowed, in a tree signed anew",
        minted,
        "its device was not enrolled",
    ),
    Row(
        "a payment that you did not order, in a tree signed anew",
        taken,
        "its device was not enrolled",
        "line-unproved",
    ),
    Row(
        "a payment to you booked for less, in a tree signed anew",
        booked_for_less,
        "has delta",
        "line-unproved",
    ),
    Row(
        "a number of yours given twice, in a tree signed anew",
        doubled_number,
        "has seq 4, which should be 6",
        "line-doubled",
    ),
    Row("nothing, beside a neighbouring circle", neighbour),
    Row("what a neighbouring circle owes", tally, "its owed is"),
    Row("a message to a neighbouring circle", link_message, "our decision key did not sign"),
    Row("whom a payment from another circle was for", payment_elsewhere, "its account is"),
    Row("a neighbour's mirror posting", mirror_posting, "its delta is"),
    Row("history, cut short", shorter, "", "history-rewritten"),
    Row("history, told again without a payment", without_a_payment, "", "history-rewritten"),
    Row("history, told again in another order", another_order, "", "history-rewritten"),
)
COMMANDS: Final = ("tallyd check", "tally verify", "tally verify --whole-log")


def render(rows: Sequence[Row]) -> list[str]:
    """The table as it stands in SECURITY.md."""
    lines = [
        f"| changed behind the node's back | {' | '.join(f'`{each}`' for each in COMMANDS)} |",
        "|---|---|---|---|",
    ]
    for row in rows:
        noticed = (row.check, row.verify, row.verify or row.whole_log)
        cells = " | ".join("notices" if each else "" for each in noticed)
        lines.append(f"| {row.what} | {cells} |")
    return lines


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> LivedIn:
    return live_in(tmp_path_factory.mktemp("circle"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.tamper.__name__)
async def test_what_is_changed_is_noticed(circle: LivedIn, tmp_path: Path, row: Row) -> None:
    """By whom the table says, and by nobody else."""
    with dishonest_operator(circle, tmp_path) as operator:
        await row.tamper(operator)
        found = await operator.looked_at()
    assert any(row.check in said for said in found.check) if row.check else found.check == ()
    assert (row.verify in found.verify) if row.verify else found.verify == ()
    told = row.verify or row.whole_log
    assert (told in found.whole_log) if told else found.whole_log == ()


def test_the_table_is_that_of_the_document() -> None:
    document = Path(__file__).resolve().parents[1] / "SECURITY.md"
    _, _, section = document.read_text("utf-8").partition("\n## What notices what\n")
    section, _, _ = section.partition("\n## ")
    assert [line for line in section.split("\n") if line.startswith("|")] == render(ROWS)
