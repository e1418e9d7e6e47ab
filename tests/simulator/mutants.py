"""Bugs put into the code on purpose, as it is loaded: each has to be caught by some seed.

A mutant replaces text of a module by other text. The text must be there exactly once: one that went
stale fails, and is brought up to date with the code. Nothing here imports the code under test.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

from tests.simulator.change import Change
from tests.simulator.mutants_elsewhere import HEADS, NODES

SEEDS_MAX = 1_000
"""Within so many seeds a mutant is caught."""
ROOT = Path(__file__).resolve().parents[2]


_RECEIVE = "ledger.federation.receive"
_CONFIRM = "ledger.federation.confirm"
_TERMS = "ledger.federation.terms"
_CIRCLE = "tests.simulator.circle"

MUTANTS: dict[str, tuple[Change, ...]] = {
    "decider tells two stories": (
        Change(
            _RECEIVE,
            "        draft.send(link_id, Release(payment, reason))\n        return Step",
            "        draft.send(link_id, Release(payment, reason))\n"
            "        told = sign_commit(payment, keys.decision_seed)\n"
            "        draft.send(link_id, Commit(payment, told))\n        return Step",
        ),
    ),
    "a payment decided twice": (
        Change(
            _RECEIVE,
            "    if known is not None and not returns:\n",
            "    decides = header.decider == draft.state.circle\n"
            "    if known is not None and not returns and not decides:\n",
        ),
        Change(
            _RECEIVE,
            "    known = state.transits.get(payment)\n    worth =",
            "    known = state.transits.get(payment)\n"
            "    known = known if known and known.mine else None\n    worth =",
        ),
    ),
    "COMMIT after refund": (
        Change(
            "ledger.decide.holds",
            "    _check_ours(hold)\n    if release.evidence:\n        raise",
            "    if release.evidence:\n        raise",
        ),
    ),
    "one payment over two routes": (
        Change(
            "ledger.federation.forward",
            "        if forward(draft, transit._replace(ways=rest), way, transit.most) is None:\n"
            "            return True\n"
            "    return False\n",
            "        if forward(draft, transit._replace(ways=rest), way, transit.most) is None:\n"
            "            sent = True\n"
            "    return sent\n",
        ),
        Change(
            "ledger.federation.forward",
            "    ways = list(transit.ways)\n",
            "    ways, sent = list(transit.ways), False\n",
        ),
    ),
    "a link tried twice for one payment": (
        Change(
            "ledger.federation.forward",
            "transit._replace(ways=rest)",
            "transit._replace(ways=tuple(ways))",
        ),
    ),
    "a restored circle goes on": (
        Change(
            _CIRCLE,
            "        self.state.unconfirmed = set(self.state.links)\n",
            "        self.state.unconfirmed = set()\n",
        ),
    ),
    "the circle before told while it may know more": (
        Change(
            "ledger.federation.draft",
            "        if not link_id:\n            return True\n",
            "        return True\n",
        ),
    ),
    "what could not be told is never told": (
        Change(
            _CIRCLE,
            "            self.take(resume(self.state, link.id, wire, now), now)\n",
            "            resume(self.state, link.id, wire, now)\n",
        ),
    ),
    "RELEASE before the onward hold is released": (
        Change(
            _RECEIVE,
            "    return reason\n\n\ndef _decide",
            '    return reason or "route"\n\n\ndef _decide',
        ),
    ),
    "RELEASE upstream that is not sent": (
        Change(
            _RECEIVE,
            "    draft.send(transit.incoming, Release(transit.payment, transit.reason))\n",
            "",
        ),
    ),
    "a COMMIT that its decider never signed": (
        Change(
            _RECEIVE, "        verify_commit(transit.header, commit.signature)\n", "        pass\n"
        ),
    ),
    "answer before persist": (
        Change(
            _CIRCLE,
            "        link = self.book.state.links[link_id]\n        known = self.said",
            "        link = self.state.links[link_id]\n        known = self.said",
        ),
        Change(
            _CIRCLE,
            "        sent = self.book.sent.get(link_id, [])[link.acked",
            "        sent = list(self.book.sent.get(link_id, []))\n"
            "        for made in self.pending:\n"
            "            for put in (*(made.entry.changes if made.entry else ()), *made.changes):\n"
            "                if isinstance(put, PutMessage) and put.sent and put.link == link_id:\n"
            "                    sent.append((put.wire, _sealed(self.state, put.body)))\n"
            "        sent = sent[link.acked",
        ),
        Change(
            "tests.simulator.world",
            "            circle.after.append((circle.count, then))\n",
            "            then()\n",
        ),
    ),
    "outbox row after the commit": (
        Change(
            _CIRCLE,
            "                    book.sent.setdefault(link, []).append(letter)\n",
            "                    put = book.sent.setdefault(link, []).append\n"
            "                    self.after.append((0, lambda put=put, row=letter: put(row)))\n",
        ),
    ),
    "a payment decided after its deadline": (
        Change(
            _RECEIVE,
            "    if not now < header.deadline <= now + LIFETIME_MS_MAX:\n",
            "    if not header.deadline <= now + LIFETIME_MS_MAX:\n",
        ),
    ),
    "deferred payer charged twice": (
        Change(
            _RECEIVE,
            "[Move(SUSPENSE, charged - hold.value, -transit.most)",
            "[Move(SUSPENSE, -hold.value, -transit.most)",
        ),
    ),
    "limit checked without holds": (
        Change(
            "ledger.federation.link",
            "        return self.may_be_owed - self.owed - self.incoming\n",
            "        return self.may_be_owed - self.owed\n",
        ),
    ),
    "no limit": (
        Change(
            _RECEIVE,
            "prepare.amount > min(link.room_in, link.terms.hold_max)",
            "prepare.amount > link.terms.hold_max",
        ),
    ),
    "duplicate PREPARE counted twice": (
        Change(
            _RECEIVE,
            "        return Step()\n    if message.seq >",
            "        if isinstance(content, Prepare):\n"
            "            again = Draft(state, now)\n"
            "            again.put(link._replace(owed=link.owed + content.amount))\n"
            "            return Step(changes=again.changes())\n"
            "        return Step()\n    if message.seq >",
        ),
    ),
    "wrong rounding direction": (
        Change(
            "ledger.federation.agreement",
            "    return amount * party.own // party.linked\n",
            "    return -(-amount * party.own // party.linked)\n",
        ),
    ),
    "a hop takes less than it gives": (
        Change(
            "ledger.federation.forward",
            "    if worth_at_most(link.ours, amount) > value:\n",
            "    if worth_at_most(link.ours, amount) > value + 1:\n",
        ),
    ),
    "message number reused": (
        Change(
            "ledger.federation.link",
            "    seq = link.sent.seq + 1\n",
            "    seq = link.sent.seq + 1 if link.sent.seq != 3 else 3\n",
        ),
    ),
    "sender taken from the body": (
        Change(
            _CIRCLE,
            "                self.hear_message(said, now)\n",
            "                told = read_message(body)[0].link\n"
            "                self.hear_message(replace(said, link=told), now)\n",
        ),
    ),
    "signature of a message not checked": (
        Change(
            "ledger.federation.message",
            "        keys.verify(keys.MESSAGE, run[-1][0], signature, link_key)\n",
            "        pass\n",
        ),
    ),
    "conflict overwritten": (
        Change(_RECEIVE, "        if before and hashed != before:\n", "        if False:\n"),
    ),
    "contradicting statement overlooked": (
        Change(_CONFIRM, "    if same and theirs != mine:\n", "    if False:\n"),
    ),
    "QUERY resolving a hold": (
        Change(
            _CONFIRM,
            "    draft.put(link._replace(acked=acked, agreed=agreed))\n",
            "    draft.put(link._replace(acked=acked, agreed=agreed))\n"
            "    for hold in list(state.link_holds.values()) if same else ():\n"
            "        if hold.link == link.id and not hold.incoming:\n"
            "            draft.end(hold, committed=False)\n",
        ),
    ),
    "what an old backup has lost is not sent again": (
        Change(
            _CONFIRM,
            "    if said < link.received.seq or not is_newest:",
            "    if True:",
        ),
    ),
    "late COMMIT refused": (
        Change(
            _RECEIVE,
            "    hold = _find_hold(draft, link_id, commit.payment)\n",
            "    hold = _find_hold(draft, link_id, commit.payment)\n"
            "    about = draft.state.transits.get(commit.payment)\n"
            "    if about and draft.now >= decode_header(about.header).deadline:\n"
            "        hold = None\n",
        ),
    ),
    "rate change on an open hold": (
        Change(
            _RECEIVE,
            "    before = draft.state.link_holds[transit.incoming, transit.payment]\n"
            "    draft.end(before, committed=True)\n",
            "    before = draft.state.link_holds[transit.incoming, transit.payment]\n"
            "    ours = draft.link(transit.incoming).ours\n"
            "    from dataclasses import replace\n"
            "    before = replace(before, value=worth_at_least(ours, before.amount))\n"
            "    draft.end(before, committed=True)\n",
        ),
    ),
    "rounding at the rate of when it is resolved": (
        Change(
            "ledger.federation.draft",
            "(hold.gain if committed else 0)",
            "(debt and abs(hold.amount * link.ours.own * 10**6 // link.ours.linked"
            " - hold.value * 10**6))",
        ),
    ),
    "suspended peer still holding": (
        Change(
            "ledger.federation.link",
            '        return wanted and self.status == "open"\n',
            "        return not self.peer_suspended\n",
        ),
    ),
    "nonce not bound to the circle": (
        Change(
            "ledger.decide.order",
            "    if header.circle != state.circle:\n",
            "    if False:\n",
        ),
    ),
    "payee paid what came instead of what was said": (
        Change(
            _RECEIVE,
            "Move(received.payee, header.arrive))\n    entry",
            "Move(received.payee, header.arrive + 1))\n    entry",
        ),
    ),
    "a second proposal over the first": (
        Change(
            _TERMS,
            '    if link.proposed:\n        return Step(fault="our last',
            '    if False:\n        return Step(fault="our last',
        ),
    ),
    "limit raised beside a proposal": (
        Change(_TERMS, "    if link.proposed:  # were it accepted meanwhile, each", "    if 0:  #"),
    ),
    "proposals that crossed accepted on both sides": (
        Change(
            _TERMS,
            "    if link.proposed and link.circle == link.terms.low.circle:\n",
            "    if False:\n",
        ),
    ),
    "a proposal gone when it is withdrawn": (
        Change(
            _TERMS,
            "    draft.send(link_id, Withdraw(offer_id(link.proposed)))\n",
            '    draft.put(link._replace(proposed=b""))\n'
            "    draft.send(link_id, Withdraw(offer_id(link.proposed)))\n",
        ),
    ),
    "a withdrawal that is not answered": (
        Change(
            _TERMS,
            "                _decline(draft, link)\n",
            '                draft.put(link._replace(offered=b""))\n',
        ),
    ),
    "an agreement left while another is proposed": (
        Change(
            _TERMS, "    if link.proposed:  # were it accepted meanwhile, one", "    if False:  #"
        ),
    ),
    "an agreement left while something is under way": (
        Change(_TERMS, "    if link.incoming_count or link.outgoing_count:\n", "    if False:\n"),
    ),
    "a suspension that is never told": (
        Change("ledger.federation.resume", "    tell_suspended(draft, link_id)\n", ""),
    ),
    "what came in for a broken cycle stays in suspense": (
        Change(_RECEIVE, "    if transit.collected:  # it", "    if False:  # it"),
    ),
}


ALL = {**MUTANTS, **HEADS, **NODES}


# --- putting one in place -------------------------------------------------------------------------


def mutate(module: str, source: str, changes: Sequence[Change]) -> str:
    """The module's source with the changes made. Raises ValueError for one that went stale."""
    for change in changes:
        if change.module != module:
            continue
        if source.count(change.old) != 1:
            raise ValueError(f"{module} does not have this text exactly once:\n{change.old}")
        source = source.replace(change.old, change.new)
    return source


def check_fresh() -> None:
    """Raise ValueError if any mutant's text is not in its module exactly once."""
    for changes in ALL.values():
        for module in {change.module for change in changes}:
            path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
            mutate(module, path.read_text(), changes)


class _Loader(SourceFileLoader):
    changes: Sequence[Change] = ()

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text()
        return compile(mutate(fullname, source, self.changes), self.path, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = changes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not any(change.module == fullname for change in self.changes):
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None, fullname
        assert spec.origin is not None, fullname
        loader = _Loader(fullname, spec.origin)
        loader.changes = self.changes
        spec.loader = loader
        return spec


def install(name: str) -> None:
    """Have this process load the mutant's code. Before anything of it was loaded."""
    changes = ALL[name]
    assert not any(change.module in sys.modules for change in changes), "it is loaded already"
    sys.meta_path.insert(0, _Finder(changes))


# --- catching them --------------------------------------------------------------------------------


class Catch(NamedTuple):
    """The first seed that a mutant broke something in, and what; or None."""

    mutant: str
    seed: int | None
    what: str


def catch(name: str, seeds: int) -> Catch:
    """Run seeds with the mutant in place until one catches it."""
    install(name)
    for seed, violations in _try(name, seeds):
        if violations:
            return Catch(name, seed, violations[0])
    return Catch(name, None, "")


def _try(name: str, seeds: int) -> Iterator[tuple[int, list[str]]]:
    """What each seed finds wrong, in the run that sees the code which the mutant changes."""
    if name in HEADS:
        from tests.simulator import heads

        for seed in range(seeds):
            yield seed, heads.run(seed).wrong
    elif name in NODES:
        from tests.simulator import on_postgres

        with on_postgres.embedded() as server:
            for seed in on_postgres.eventful(range(seeds)):
                yield seed, on_postgres.run(seed, server).violations
    else:
        from tests.simulator.run import run

        for seed in range(seeds):
            yield seed, run(seed).violations


def catch_all(
    names: Sequence[str], processes: int, told: Callable[[Catch], None] = lambda caught: None
) -> list[Catch]:
    """Try mutants, each in a process of its own."""
    check_fresh()
    with ThreadPoolExecutor(processes) as pool:
        found = []
        for caught in pool.map(_catch_apart, names):
            told(caught)
            found.append(caught)
        return found


def _catch_apart(name: str) -> Catch:
    command = [sys.executable, "-m", "tests.simulator", "--mutant", name]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if not ended.stdout:
        return Catch(name, None, ended.stderr)
    return Catch(*json.loads(ended.stdout.splitlines()[-1]))  # the lines before are a node's log


def escaped(found: Sequence[Catch]) -> Iterator[str]:
    """The mutants that no seed caught."""
    return (each.mutant for each in found if each.seed is None)
