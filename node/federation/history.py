"""``tallyd peer why``: how this circle stands with another, and how that came, payment by payment.

Where a link stands follows from its messages alone. They are gone through here once more, from the
first, with each payment at the rate that held when it was sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import click

from ledger import keys
from ledger.amount import Unit, UnitKind, format_amount
from ledger.charter import Rules
from ledger.errors import MalformedObject
from ledger.federation.agreement import (
    Agreement,
    decode_agreement,
    open_agreement,
    worth_at_least,
    worth_at_most,
)
from ledger.federation.evidence import read_evidence
from ledger.federation.message import (
    Accept,
    Commit,
    Content,
    Leave,
    Prepare,
    Propose,
    Raise,
    Release,
    Suspend,
    body_of,
    read_message,
)
from ledger.federation.payment import decode_header, payment_id
from node.config import Config
from node.connections import Connection
from node.federation.standing import (
    PEER,
    Neighbour,
    find_neighbour,
    own_rules,
    tell_owed,
    tell_standing,
    tell_time,
    with_circle,
)
from node.running import DIRECTORY
from node.telling import tell

DAY_MS = 24 * 3600 * 1000
LATE_MS = DAY_MS
"""After which a payment that is under way waits for a circle that is away."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that became debt: ``amount`` in the link's unit, positive when the peer owes it;
    ``value`` of our minor units were booked for it; ``owed`` is the tally after it."""

    payment: bytes
    amount: int
    value: int
    owed: int


@dataclass(frozen=True, slots=True)
class Booked:
    """What this circle knows of a payment besides: its entry, when that was, whom it was about."""

    entry: int
    log_time: int
    who: str
    is_ours: bool
    goes_round: bool


@dataclass(slots=True)
class History:
    """A link as its messages make it, up to some message. ``circle`` is ours; ``round_trips`` are
    the payments to ourselves that cleared debts."""

    circle: bytes
    terms: Agreement
    round_trips: Set[bytes] = frozenset()
    owed: int = 0
    value: int = 0
    _held: dict[tuple[bool, bytes], tuple[int, int]] = field(default_factory=dict)
    _proposed: dict[bytes, Agreement] = field(default_factory=dict)

    def read(self, sent: bool, content: Content) -> Paid | str | None:
        """Take the next message: the payment that it settled, or what else it changed, in words."""
        match content:
            case Prepare(header, amount):
                value = self._worth(sent, header, amount)
                self._held.setdefault((sent, payment_id(header)), (amount, value))
            case Release(payment, reason) if reason != "seen":
                self._held.pop((not sent, payment), None)
            case Commit(payment) if (not sent, payment) in self._held:
                return self._pay(sent, payment)
            case Propose(body):
                self._proposed[keys.object_id(keys.AGREEMENT, body)] = decode_agreement(body)
            case Accept(agreement) if agreement in self._proposed:
                self.terms = self._proposed[agreement]
                return self.begun
            case Raise(owes_max):
                debtor = "The other circle" if sent else "This circle"
                return f"{debtor} was allowed to owe up to {owes_max}."
            case Suspend(suspended):
                who = "This circle" if sent else "The other circle"
                return f"{who} took {'no new payments' if suspended else 'payments again'}."
            case Leave():
                return f"{'This' if sent else 'The other'} circle ended the agreement."
            case _:
                pass
        return None

    @property
    def begun(self) -> str:
        """That the agreement in force began, and at which rate of ours."""
        ours = self.terms.party(self.circle)
        rate = f"{ours.own} of this circle's smallest units for {ours.linked}"
        return f"Agreement {self.terms.number} began, at {rate} {self.terms.unit.decode()}."

    def _worth(self, sent: bool, header: bytes, amount: int) -> int:
        """What is booked here for a payment; where it ends here, what it said should arrive."""
        ours = self.terms.party(self.circle)
        if sent:
            return worth_at_most(ours, amount)
        try:
            fields = decode_header(header)
        except MalformedObject:
            return 0
        if fields.decider == self.circle and payment_id(header) not in self.round_trips:
            return fields.arrive
        return worth_at_least(ours, amount)

    def _pay(self, sent: bool, payment: bytes) -> Paid:
        amount, value = self._held.pop((not sent, payment))
        sign = 1 if sent else -1
        self.owed += sign * amount
        self.value += sign * value
        return Paid(payment, sign * amount, sign * value, self.owed)


@click.command(short_help="How it came that you stand so with NAME.")
@DIRECTORY
@PEER
@click.option("--last", default=50, show_default=True, type=click.IntRange(1, 10_000))
def why(directory: Path, name: str, last: int) -> None:
    """Say how it came that this circle stands with NAME as it does, payment by payment."""

    async def job(config: Config, connection: Connection) -> None:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            found = await find_neighbour(connection, name)
            rules = await own_rules(connection)
            history, count, lines = await _read(connection, found, last)
            booked = await _read_booked(connection, found, [x for x in lines if type(x) is Paid])
            balance = await connection.fetchval(
                "SELECT balance FROM accounts WHERE number = $1", found.link.account
            )
            holds = await connection.fetch(
                "SELECT incoming, amount, since FROM link_holds WHERE link = $1 ORDER BY since",
                found.link.id,
            )
        tell(tell_standing(found))
        if count > len(lines):
            tell(f"  ({count - len(lines)} that came before are not shown; see --last.)")
        for line in lines:
            tell(f"  {_tell(line, booked, found, rules)}")
        for hold in holds:
            way = "from there" if hold["incoming"] else "to there"
            since = tell_time(hold["since"])
            tell(f"  {since}: {hold['amount']} {found.unit} {way} are under way.")
        for sentence in _sum_up(found, history, balance, rules):
            tell(sentence)
        if holds and config.make_clock().wall() - holds[0]["since"] > LATE_MS:
            tell(_tell_away(found))

    with_circle(directory, job)


async def _read(
    connection: Connection, neighbour: Neighbour, last: int
) -> tuple[History, int, deque[Paid | str]]:
    """The history of a link, how many things changed it, and the last of them."""
    link = neighbour.link
    first = await connection.fetchval(
        """
        SELECT wire FROM postings JOIN entries ON index = entry
        WHERE account = $1 ORDER BY seq LIMIT 1
        """,
        link.account,
    )
    rows = await connection.fetch("SELECT payment FROM transits WHERE mine")
    mine = frozenset(row["payment"] for row in rows)
    history = History(link.circle, open_agreement(first), mine)
    lines: deque[Paid | str] = deque([history.begun], maxlen=last)
    count = 1
    async for row in connection.cursor(
        "SELECT sent, wire FROM link_messages WHERE link = $1 ORDER BY number", link.id
    ):
        line = history.read(row["sent"], read_message(body_of(row["wire"]))[1])
        if line is not None:
            lines.append(line)
            count += 1
    return history, count, lines


async def _read_booked(
    connection: Connection, neighbour: Neighbour, shown: list[Paid]
) -> dict[bytes, Booked]:
    """The entries of payments, by the payments' ids. What was told late is in an entry for all."""
    entries = {}
    for row in await connection.fetch(
        """
        SELECT index, entries.log_time, wire FROM postings JOIN entries ON index = entry
        WHERE account = $1 ORDER BY seq DESC LIMIT $2
        """,
        neighbour.link.account,
        len(shown),
    ):
        try:
            entries[read_evidence(row["wire"]).payment] = row["index"], row["log_time"]
        except MalformedObject:
            continue
    rows = await connection.fetch(
        """
        SELECT payment, hold <> 0 AS is_ours, mine, coalesce(min(handle), '') AS who
        FROM transits LEFT JOIN holders USING (account) LEFT JOIN people USING (person)
        WHERE payment = ANY($1) GROUP BY payment
        """,
        [paid.payment for paid in shown],
    )
    return {
        row["payment"]: Booked(
            *entries.get(row["payment"], (0, 0)), row["who"], row["is_ours"], row["mine"]
        )
        for row in rows
    }


def _tell(line: Paid | str, booked: dict[bytes, Booked], neighbour: Neighbour, rules: Rules) -> str:
    if isinstance(line, str):
        return line
    known = booked.get(line.payment)
    amount = f"{abs(line.amount)} {neighbour.unit}"
    came = line.amount > 0
    if known is None:
        what = f"{amount} {'came from there' if came else 'went there'}"
    elif known.goes_round:
        what = f"{amount} {'came from there' if came else 'went there'} to clear what goes round"
    elif known.is_ours:
        what = f"{known.who or 'somebody'} sent {amount} there"
    elif known.who:
        what = f"{known.who} got {amount} from there"
    else:
        what = f"{amount} {'came from there' if came else 'went there'}, passing through"
    when = f"{tell_time(known.log_time)}, entry {known.entry}: " if known and known.entry else ""
    own = format_amount(abs(line.value), unit_of(rules))
    after = tell_owed(neighbour.name, line.owed, neighbour.unit)
    return f"{when}{what} ({own} here). {after}."


def unit_of(rules: Rules) -> Unit:
    """What the circle counts in."""
    kind = UnitKind(rules.unit_kind)
    return Unit(rules.unit_name.decode(), rules.unit_plural.decode(), kind, rules.unit_scale)


def _sum_up(neighbour: Neighbour, history: History, balance: int, rules: Rules) -> Iterator[str]:
    link, unit = neighbour.link, unit_of(rules)
    worth = Fraction(link.owed * link.ours.own, link.ours.linked)
    rounding = Fraction(link.rounding, 1_000_000)
    yield (
        f"In this circle's own books account {link.account}, which mirrors that, stands at "
        f"{format_amount(balance, unit, sign=True)}. By rounding, {_short(rounding)} of its "
        "smallest units have stayed here in all."
    )
    if link.terms.number > 1:
        by_rates = balance + worth - rounding
        turned = "gained" if by_rates >= 0 else "lost"
        yield f"By new rates for what was owed already, {_short(abs(by_rates))} have been {turned}."
    if (history.owed, history.value) != (link.owed, -balance):
        yield (
            f"THAT DOES NOT ADD UP: the payments come to {history.owed} {neighbour.unit} and "
            f"{format_amount(-history.value, unit, sign=True)}. Run: tallyd check"
        )


def _short(amount: Fraction) -> str:
    return f"{float(amount):.3f}".rstrip("0").rstrip(".")


def _tell_away(neighbour: Neighbour) -> str:
    name = neighbour.name
    return (
        f"{name} has not answered for longer than a day; what is under way may still arrive. If it "
        "stays away, take no new payments: tallyd peer suspend. After 3 days a coordinator can "
        "free the members here who wait: tally officer free WHO PROMISE. After 30 days payments "
        "that passed through here can be let go: tallyd peer give-up. What it owes stays owed."
    )
