"""Vectors of entries: a short history with everything that opens it, and what opens nothing."""

from __future__ import annotations

from typing import Any

from ledger import merkle, orders
from ledger.append import Entry
from ledger.charter import encode_charter, encode_rules
from ledger.codec import encode
from ledger.decide import Prior
from ledger.declarations import sign_request
from ledger.entry import Leaf, Posting, decode_leaf, encode_posting
from ledger.errors import TallystickError
from ledger.keys import derive_salt
from ledger.orders import COMMUNITY, TREASURY, Act, SignedOrder
from tests.circle import DAY, HOUR, REASON, RULES, Circle, Person, key, make_charter, salt, seed
from tests.ledger.samples import HASH
from tests.vectors.ledger_faults import tell_faults
from tests.vectors.ledger_orders import Case, Files, render

PAPER = Person("paper", orders.PAPER_PERSON, 0, "paper")


def entry_files() -> Files:
    """Path to (about, cases)."""
    told = Story()
    told.tell()
    return {
        "valid/history.json": (
            "one circle's orders in the order in which they came, each with its verdict, and what "
            "opens every entry",
            told.cases,
        ),
        "invalid/entry.json": ("leaves and postings that are malformed", _malformed()),
        "invalid/opening.json": (
            "postings that do not open the leaf they are offered for",
            _misopened(told.circle),
        ),
    }


class Story:
    """A circle of which every step becomes a case."""

    def __init__(self) -> None:
        self.circle = Circle(RULES._replace(threshold=1))
        self.cases: list[Case] = []
        self._note(
            "Leaf 0 is the charter, with the circle's own accounts.",
            {"charter": encode_charter(make_charter(self.circle.rules)).hex()},
            self.circle.entries[0],
        )

    def _note(self, shows: str, given: Case, outcome: Entry | Prior | TallystickError) -> None:
        case: Case = {"shows": shows, "log_time": self.circle.now, **given}
        match outcome:
            case Entry():
                case["entry"] = _opened(outcome)
            case Prior(_, int(number), _):
                case["again"] = number
            case Prior(_, _, str(refusal)):
                case["error"] = refusal.partition(":")[0]
            case TallystickError():
                case["error"] = outcome.code
        case["tree_size"] = len(self.circle.entries)
        case["root"] = merkle.root(self.circle.leaf_hashes).hex()
        self.cases.append(case)

    def order(self, shows: str, signer: Person, act: Act, handle: str = "", **header: Any) -> int:
        """One order and its verdict; returns the number of the entry that it became, or not."""
        self.submit(shows, self.circle.sign(signer, act, **header), handle)
        return len(self.circle.entries) - 1

    def submit(self, shows: str, signed: SignedOrder, handle: str = "") -> None:
        """One signed order and its verdict, which may be the one that it had before."""
        given = {"wire": signed.wire.hex()} | ({"handle": handle} if handle else {})
        self._note(shows, given, self.circle.submit(signed, handle))

    def day(self) -> None:
        """The first entry of a new day."""
        self._note("The daily entry commits to all accounts.", {}, self.circle.close_day())

    def show_request(self, number: bytes) -> None:
        """State the payment request that the last order names."""
        request = self.circle.facts.requests[number].request
        owner = next(name for name in ("mia", "oli") if key(name) == request.device)
        self.cases[-1]["request"] = sign_request(request, seed(owner)).hex()

    def effective(self, *accounts: int) -> None:
        """State the effective limits of accounts after the last order."""
        after = (self.circle.state.accounts[number] for number in accounts)
        self.cases[-1]["effective"] = [
            {"account": one.number, "floor": one.lowest, "ceiling": one.highest} for one in after
        ]

    def tell(self) -> None:
        """All kinds of orders, and some refusals."""
        ann, ben, mia, dot = self._people()
        self._tokens(ann, ben, mia)
        self._holds(ann, ben, mia)
        self._others(ann, ben, mia, dot)
        self._devices(ann, ben, mia)
        self._committee(ann, ben, mia)
        tell_faults(self)

    def _people(self) -> tuple[Person, ...]:
        c = self.circle
        until = c.now + DAY
        invite = orders.Invite(key("code"), -1_000, 5_000, 200, "coordinator", until)
        self.order("The paper key invites the first coordinator.", PAPER, invite)
        self.order(
            "Who joins without a name is refused, and the invitation stays.",
            Person("ann", 0, 0, "ann"),
            c.join("ann", "code"),
        )
        self.order("Ann joins.", Person("ann", 0, 0, "ann"), c.join("ann", "code"), "ann")
        ann = Person("ann", 101, 101, "ann")
        second = invite._replace(key=key("code 2"), office="")
        self.order("An invitation to no office.", ann, second)
        self.order("It is taken back.", ann, orders.Uninvite(key("code 2")))
        for name in ("ben", "mia"):
            act = orders.Open((), -1_000, 5_000, 200, 0, (c.enrolment(name),))
            self.order(f"An account for {name}, with a device.", ann, act, name)
        act = orders.Open((), -500, 5_000, 0, 1, ())
        self.order("An account for dot, who has none.", ann, act, "dot")
        return (
            ann,
            *(Person(name, n, n, name) for n, name in ((102, "ben"), (103, "mia"), (104, "dot"))),
        )

    def _tokens(self, ann: Person, ben: Person, mia: Person) -> None:
        c = self.circle
        paid = self.order("Ben pays mia.", ben, orders.Pay(((103, 150),), (20_833,)))
        self.order("Ben pays two at once.", ben, orders.Pay(((103, 1), (104, 2))))
        self.order("Not beyond the limit.", ben, orders.Pay(((103, 1_048),)))
        self.order("To the very limit.", ben, orders.Pay(((103, 1_047),)))
        self.order("Not for somebody else.", mia, orders.Pay(((103, 1),)), account=102)
        request = c.request(mia, 70)
        self.order(
            "Ann pays what mia asked for.", ann, orders.Pay(((103, 70),), request=(request,))
        )
        self.show_request(request)
        self.order("Once.", ann, orders.Pay(((103, 70),), request=(request,)))
        self.order("Tokens for cash.", ann, orders.Sell(300, "cash 1"), account=102)
        self.order("Cash for tokens.", ann, orders.Redeem(100, "cash 2"), account=103)
        self.order("The yearly fee.", ann, orders.Levy(((102, 5), (103, 5))), account=COMMUNITY)
        self.order("A grant.", ann, orders.Payout(((103, 9),)), account=TREASURY)
        self.order("Ben's first payment is undone.", ann, orders.Reverse(paid))
        self.order("Once.", ann, orders.Reverse(paid))

    def _holds(self, ann: Person, ben: Person, mia: Person) -> None:
        c = self.circle
        until = c.now + 7 * DAY
        first = self.order("Set aside for ben.", mia, orders.Hold((102,), 60, until, (HOUR,)))
        self.order("Mia cannot take it back yet.", mia, orders.Release(first))
        self.order("Ben claims it.", ben, orders.Claim(first, 60))
        self.order("Mia objects.", mia, orders.Object(first))
        self.order("Ben claims less.", ben, orders.Claim(first, 45))
        self.order("He waits for an objection.", ben, orders.Settle(first, 102, 45))
        c.now += HOUR
        self.order("It is too late to object now.", mia, orders.Object(first))
        self.order("The claim is good.", ben, orders.Settle(first, 102, 45))
        asked = self.order("Set aside for nobody yet.", mia, orders.Hold((), 60, until, (), 1))
        act = orders.Settle(asked, 104, 50)
        self.order("A coordinator names dot.", ann, act, account=103, text=REASON)
        again = self.order("Set aside and given back.", mia, orders.Hold((102,), 5, until))
        self.order("By the payee, at any time.", ben, orders.Release(again))
        self._assign(ann, ben, mia)

    def _assign(self, ann: Person, ben: Person, mia: Person) -> None:
        c = self.circle
        until = c.now + 7 * DAY
        asked = self.order("Set aside for whoever helps.", mia, orders.Hold((), 60, until, (), 1))
        to_ben = orders.Assign(asked, (102,), (HOUR,))
        self.order("Ben takes it on.", mia, to_ben)
        self.order("It is for ben already.", mia, orders.Assign(asked, (101,)))
        self.order("Mia cannot take it from him.", mia, orders.Assign(asked, ()))
        self.order("Nor free it, before its time.", mia, orders.Release(asked))
        self.order("He claims it.", ben, orders.Claim(asked, 60))
        self.order("And hands it back: no claim stands.", ben, orders.Assign(asked, ()))
        self.order("It is for nobody now.", mia, orders.Assign(asked, ()))
        self.order("A window for nobody.", mia, orders.Assign(asked, (), (HOUR,)))
        self.order("For none of the circle's own.", mia, orders.Assign(asked, (COMMUNITY,)))
        by_office: dict[str, Any] = {"account": 103, "text": REASON}
        self.order("Not for her own household.", ann, orders.Assign(asked, (101,)), **by_office)
        self.order("A coordinator names dot.", ann, orders.Assign(asked, (104,)), **by_office)
        self.order("And nobody again.", ann, orders.Assign(asked, ()), **by_office)
        self.order("What is for nobody is freed at any time.", mia, orders.Release(asked))

    def _others(self, ann: Person, ben: Person, mia: Person, dot: Person) -> None:
        c = self.circle
        slip = (("trading day", "17"),)
        act = orders.Pay(((102, 20),))
        self.order("A slip that dot wrote.", ann, act, account=104, slip=slip)
        self.order("Not twice.", ann, act, account=104, slip=slip)
        terms = orders.Mandate(103, ("pay",), 25, DAY, c.now + DAY)
        granted = self.order("Ben lets mia pay for him.", ben, terms)
        held: dict[str, Any] = {"account": 102, "mandate": (granted,)}
        self.order("She does.", mia, orders.Pay(((104, 20),)), **held)
        self.order("Not beyond its cap.", mia, orders.Pay(((104, 6),)), **held)
        self.order("She gives it back.", mia, orders.Unmandate(granted))
        self.order("Another limit.", ann, orders.Limits(-2_000, 6_000), account=103)
        both = orders.Holder(103, 1)
        self.order("A holder is added with consent.", ann, both, account=102, cosigners=("ben",))
        self.order("And removed.", ann, orders.Holder(103, 0), account=102)
        self.order("Dot wants no slips.", ann, orders.Assist(0), account=dot.account)

    def _devices(self, ann: Person, ben: Person, mia: Person) -> None:
        c = self.circle
        act = orders.Enrol(103, c.enrolment("tablet"), "device", 0)
        self.order("A device at a distance.", ann, act)
        self.order("Mia stops it.", mia, orders.Veto(key("tablet")))
        self.order("A sheet.", mia, orders.Enrol(103, c.enrolment("sheet"), "recovery", 1))
        new = orders.Enrol(103, c.enrolment("new phone"), "device", 1)
        self.order("The sheet brings in a phone.", mia, new, device="sheet")
        pay = orders.Pay(((102, 501),))
        self.order("Which is capped.", mia, pay, device="new phone")
        self.order("The old phone is lost.", mia, orders.Freeze(key("mia")), device="new phone")
        self.order("It signs nothing now.", mia, orders.Pay(((102, 1),)))
        self.order("Found again.", ann, orders.Thaw(key("mia")))
        self.order("The sheet is used up.", mia, orders.Revoke(key("sheet")))
        self.order("A day ends.", mia, orders.Pay(((102, 1),)))
        c.now += DAY
        self.day()

    def _committee(self, ann: Person, ben: Person, mia: Person) -> None:
        c = self.circle
        self.order("Ben becomes a coordinator.", PAPER, orders.Appoint(102, "coordinator"))
        rules = c.rules._replace(threshold=2, treasury_floor=-40_000)
        self.order("Two are to sign from now on.", ann, orders.Amend(encode_rules(rules)))
        act = orders.Appoint(103, "auditor")
        self.order("One is too few.", ann, act)
        self.order("Two are enough.", ann, act, cosigners=("ben",))
        self.order("The office ends.", ann, orders.Dismiss(103, "auditor"), cosigners=("paper",))
        self.order("Dot leaves.", ann, orders.Close(), account=104)
        self.order("An account stays closed.", ann, orders.Close(), account=104)


def _opened(entry: Entry) -> Case:
    """An entry's leaf, and all that opens it."""
    case: Case = {
        "number": entry.number,
        "kind": entry.kind,
        "secret": entry.secret.hex(),
        "leaf": entry.leaf.hex(),
        "leaf_hash": merkle.leaf_hash(entry.leaf).hex(),
        "fields": render(decode_leaf(entry.leaf)),
        "authority": entry.authority,
    }
    if entry.wire:
        case["order_salt"] = derive_salt(entry.secret, 0).hex()
    case["postings"] = [
        {
            **render(posting),
            "salt": derive_salt(entry.secret, position + 1).hex(),
            "encoded": entry.packed[position].hex(),
            "hash": entry.hashes[position].hex(),
            "path": render(tuple(merkle.inclusion_proof(position, entry.hashes))),
        }
        for position, posting in enumerate(entry.postings)
    ]
    return case


def _malformed() -> list[Case]:
    leaf = Leaf(1, "pay", 1_800_000_000_000, b"", (HASH,), (HASH,), (HASH,))
    posting = Posting(101, 1, -5, -5, 0, HASH)
    leaves: list[tuple[str, Any]] = [
        ("A leaf of version 2.", leaf._replace(version=2)),
        ("A leaf of an unknown kind.", leaf._replace(kind="gift")),
        ("A joining leaves an entry of the kind open.", leaf._replace(kind="join")),
        ("A commitment of 31 bytes.", leaf._replace(order=(HASH[:31],))),
        ("Two commitments.", leaf._replace(postings=(HASH, HASH))),
        ("A public part of 4,097 bytes.", leaf._replace(public=bytes(4_097))),
        ("A log time before 1970.", leaf._replace(log_time=-1)),
        ("A field is missing.", leaf[:-1]),
        ("A field is added.", (*leaf, ())),
    ]
    postings: list[tuple[str, Any]] = [
        ("A posting numbered 0.", posting._replace(seq=0)),
        ("A posting on no account.", posting._replace(account=0)),
        ("Less than nothing is held.", posting._replace(held=-1)),
        ("A balance of -2^53.", posting._replace(balance=-(2**53))),
        ("A delta of 2^53.", posting._replace(delta=2**53)),
        ("A delta that is true.", posting._replace(delta=True)),
        ("A posting before it of 33 bytes.", posting._replace(previous=bytes(33))),
        ("A field is added.", (*posting, 0)),
        ("257 bytes.", posting._replace(previous=bytes(249))),
    ]
    return [
        {"why": why, "error": "malformed", "object": name, "encoded": encode(value).hex()}
        for name, values in (("leaf", leaves), ("posting", postings))
        for why, value in values
    ]


def _misopened(circle: Circle) -> list[Case]:
    entry = next(one for one in circle.entries if len(one.postings) == 3 and one.kind == "pay")
    root = decode_leaf(entry.leaf).postings[0]
    good: dict[str, Any] = {
        "posting": entry.packed[1],
        "salt": derive_salt(entry.secret, 2),
        "position": 1,
        "count": 3,
        "path": tuple(merkle.inclusion_proof(1, entry.hashes)),
        "root": root,
    }
    raised = entry.postings[1]._replace(balance=entry.postings[1].balance + 1)
    changes: list[tuple[str, dict[str, Any]]] = [
        ("A balance raised by one.", {"posting": encode_posting(raised)}),
        ("Another posting of the same entry.", {"posting": entry.packed[2]}),
        ("The salt of another posting.", {"salt": derive_salt(entry.secret, 1)}),
        ("A salt of 31 bytes.", {"salt": salt("short")[:31]}),
        ("Another position.", {"position": 0}),
        ("A position beyond the count.", {"position": 3}),
        ("A smaller count.", {"count": 2}),
        ("A path that is too short.", {"path": good["path"][:-1]}),
        ("A path that is too long.", {"path": (*good["path"], HASH)}),
        ("Another root.", {"root": HASH}),
    ]
    return [
        {"why": why, "error": "proof-invalid"}
        | {name: render(value) for name, value in (good | changed).items()}
        for why, changed in changes
    ]
