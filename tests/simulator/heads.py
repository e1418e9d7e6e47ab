"""Circles that watch over each other's logs and pass on what each says of itself: the very cores of
witnesses and of gossip, in an order of events that a seed draws.

Messages are lost, repeated and late, nodes die before and after they have written, backups are
restored; and some circles show two histories, say two things at once, and speak for others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random

from ledger import merkle
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.cosignature import add_cosignatures, verify_cosignatures
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation import gossip
from ledger.federation.gossip import Effect, Forget, Meet, Persist, Publish, Receive, Reply, Send
from ledger.federation.gossip_envelope import PERIOD_MS, Envelope, verify_conflict
from ledger.federation.gossip_items import Kind
from ledger.federation.gossip_store import Limits, Store, restore
from ledger.note import COSIGNATURE_V1, Signer, make_signer
from ledger.witness import (
    AddCheckpoint,
    Cosigned,
    Inconsistent,
    OldSizeDiffers,
    Unsigned,
    WitnessedLog,
    decide_cosigning,
    format_request,
    parse_request,
)
from tests.federation.gossip_circles import NOW, Speaker
from tests.simulator.founding import seed_of
from tests.simulator.run import BROKEN

EVENTS = 90
ROUNDS_MAX = 12
"""Of exchanges between all, until they know the same."""

Rows = dict[tuple[Kind, bytes], bytes]


@cache
def speaker_of(number: int) -> Speaker:
    return Speaker(f"circle {number}")


@cache
def announcement_of(number: int) -> Envelope:
    return speaker_of(number).announcement()


@cache
def signer_of(number: int) -> Signer:
    """The signer of a circle's log."""
    return make_signer(f"circle{number}.example/log", seed_of(number, "log"))


@cache
def witness_of(number: int) -> Signer:
    return make_signer(f"circle{number}.example/log", seed_of(number, "witness"), COSIGNATURE_V1)


@dataclass(slots=True)
class Node:
    """A circle. What is in ``rows`` and ``logs`` is durable. ``branches`` are the histories of its
    log, more than one where it cheats; ``unmet`` whom it has to hear before it speaks again."""

    number: int
    honest: bool
    store: Store
    rows: Rows = field(default_factory=dict)
    backup: Rows | None = None
    unmet: set[int] = field(default_factory=set)
    branches: list[list[bytes]] = field(default_factory=lambda: [[]])
    logs: dict[int, WitnessedLog] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    said: list[Envelope] = field(default_factory=list)

    @property
    def id(self) -> bytes:
        return speaker_of(self.number).id


@dataclass(slots=True)
class Heads:
    """One seed. ``given`` are the heads that arrived cosigned, by witness and log."""

    random: Random
    nodes: list[Node]
    now: int = NOW
    count: int = 0
    quiet: bool = False
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    requests: list[tuple[int, AddCheckpoint]] = field(default_factory=list)
    given: dict[tuple[int, int], list[Checkpoint]] = field(default_factory=dict)

    def draw(self) -> Node:
        return self.random.choice(self.nodes)

    def dies(self) -> bool:
        return not self.quiet and self.random.random() < 0.05

    def strikes(self, kind: str, chance: float) -> bool:
        struck = self.random.random() < chance
        self.done[kind] += struck
        return struck

    # --- logs and their witnesses -----------------------------------------------------------------

    def grow(self, node: Node) -> None:
        """The log gets longer; whoever cheats may begin another history of it."""
        if not node.honest and node.branches[0] and self.strikes("fork", 0.3):
            whole = node.branches[0]
            node.branches.append(whole[: self.random.randrange(len(whole))])
        for branch in node.branches:
            for _ in range(self.random.randrange(1, 4)):
                self.count += 1
                branch.append(merkle.leaf_hash(self.count.to_bytes(4, "big")))

    def offer(self, node: Node) -> None:
        """Show a witness a head, with what proves it as far as this circle knows."""
        witness = self.draw()
        branch = self.random.choice(node.branches)
        if witness is node or not branch:
            return
        size, old = len(branch), node.sizes.get(witness.number, 0)
        if not node.honest and self.random.random() < 0.4:
            size = self.random.randrange(1, size + 1)
            old = self.random.randrange(size + 1)
        proof = merkle.consistency_proof(old, branch[:size]) if 0 < old < size else []
        if not node.honest and self.random.random() < 0.2:
            proof = []
        signer = signer_of(node.number)
        if not node.honest and self.strikes("head of another", 0.1):
            signer = replace(signer, key=replace(signer.key, name=self.draw_name(node)))
        checkpoint = Checkpoint(signer.key.name, size, merkle.root(branch[:size]))
        wire = format_request(old, proof, sign_checkpoint(checkpoint, signer))
        request = parse_request(wire)
        self.requests.append((witness.number, request))
        self.cosign(witness, request, node if old <= size and node.honest else None)

    def draw_name(self, node: Node) -> str:
        return signer_of(self.random.choice(self.nodes).number).key.name

    def repeat_request(self, node: Node) -> None:
        """An old request comes once more."""
        if self.requests:
            number, request = self.random.choice(self.requests)
            self.done["request again"] += 1
            self.cosign(self.nodes[number], request, None)

    def cosign(self, witness: Node, request: AddCheckpoint, asking: Node | None) -> None:
        origin = request.checkpoint.origin
        number = next(n.number for n in self.nodes if signer_of(n.number).key.name == origin)
        log = witness.logs.get(number, WitnessedLog(signer_of(number).key))
        verdict = decide_cosigning(request, log, witness_of(witness.number), self.now // 1000)
        match verdict:
            case Cosigned():
                if self.dies():
                    return
                checkpoint = verdict.checkpoint
                witness.logs[number] = replace(log, size=checkpoint.size, root=checkpoint.root)
                if not self.dies():
                    self.give(witness, number, request, verdict.line)
            case OldSizeDiffers() if asking is not None:
                asking.sizes[witness.number] = verdict.size
                if verdict.size > request.checkpoint.size:
                    self.wrong.append("a witness knows more of an honest log than there is")
            case Inconsistent() | Unsigned() if asking is not None:
                self.wrong.append(f"an honest head is refused: {verdict.reason}")
            case _:
                pass

    def give(self, witness: Node, number: int, request: AddCheckpoint, line: str) -> None:
        """The cosignature has arrived: what a witness vouches for is one history that grows."""
        self.done["cosigned"] += 1
        checkpoint, key = request.checkpoint, witness_of(witness.number).key
        note = add_cosignatures(request.note, line, [key])
        if len(verify_cosignatures(note, [key])) != 1:
            self.wrong.append("a cosignature does not verify")
        node = self.nodes[number]
        node.sizes[witness.number] = checkpoint.size
        heads = self.given.setdefault((witness.number, number), [])
        if heads and checkpoint.size < heads[-1].size:
            self.wrong.append(f"{checkpoint.size} entries are cosigned after {heads[-1].size}")
        heads.append(checkpoint)
        if not any(all(_is_of(branch, head) for head in heads) for branch in node.branches):
            self.wrong.append("one witness cosigned two histories of a log")

    # --- gossip -----------------------------------------------------------------------------------

    def take(self, node: Node, event: gossip.Event) -> list[Effect] | None:
        """Have a core take an event; None where its node died before it was durable, or after."""
        effects = gossip.step(node.store, event, self.now)
        if self.dies():
            self.start_again(node)
            return None
        for effect in effects:
            match effect:
                case Persist(kind, circle, data):
                    node.rows[kind, circle] = data
                case Forget(kind, circle):
                    del node.rows[kind, circle]
                case _:
                    pass
        if self.dies():
            self.start_again(node)
            return None
        return effects

    def start_again(self, node: Node) -> None:
        self.done["crash"] += 1
        rows = [(kind, data) for (kind, _), data in node.rows.items()]
        node.store = restore(node.id, node.store.pinned, Limits(), rows)

    def speak(self, node: Node) -> None:
        """Issue a bulletin if one is due, by whoever has heard all others since it was restored."""
        due = gossip.due_number(node.store, 1, self.now)
        if due is None or node.unmet:
            return
        self.count += 1
        bulletin = speaker_of(node.number).bulletin(due * PERIOD_MS, accounts=self.count)
        self.take(node, Publish((bulletin.data,)))
        if node.rows.get((Kind.BULLETIN, node.id)) == bulletin.data:
            node.said.append(bulletin)
            self.done["bulletin"] += 1

    def cheat(self, node: Node) -> None:
        """Tell two others different things under one number; or something in another's name; or
        what was said long ago."""
        one, other, victim = self.draw(), self.draw(), self.draw()
        if node.honest:
            return
        self.count += 2
        speaker = speaker_of(node.number)
        what = self.random.choice(("two stories", "forgery", "old bulletin"))
        self.done[what] += 1
        match what:
            case "two stories":
                for listener, place in ((one, 0), (other, 1)):
                    told = speaker.bulletin(self.now, accounts=self.count + place)
                    self.tell(listener, told)
            case "forgery":
                forged = speaker_of(victim.number).bulletin(self.now, fork="forged")
                self.tell(one, forged)
            case _:
                if victim.said:
                    self.tell(one, self.random.choice(victim.said))

    def tell(self, node: Node, envelope: Envelope) -> None:
        try:
            self.take(node, Publish((envelope.data,)))
        except (InvalidSignature, MalformedObject):
            self.done["refused"] += 1

    def meet(self, node: Node) -> None:
        other = self.draw()
        if other is not node:
            self.exchange(node, other, 0.12)

    def exchange(self, one: Node, other: Node, loss: float) -> None:
        """An exchange, until a message is lost, a node dies, or there is nothing more to say."""
        effects = self.take(one, Meet(other.id))
        receiver, sender = other, one
        while effects is not None:
            message = _message_of(effects)
            if message is None:
                one.unmet.discard(other.number)
                other.unmet.discard(one.number)
                return
            if self.strikes("loss", loss):
                return
            effects = self.take(receiver, Receive(message))
            if effects is not None and self.strikes("repeated", loss):
                effects = self.take(receiver, Receive(message))
            receiver, sender = sender, receiver

    def back_up(self, node: Node) -> None:
        node.backup = dict(node.rows)

    def go_back(self, node: Node) -> None:
        """An old backup is restored: what was said since then, the others know."""
        if node.backup is None or not self.strikes("restored backup", 0.5):
            return
        node.rows = dict(node.backup)
        node.unmet = {each.number for each in self.nodes if each is not node}
        self.start_again(node)

    # --- the end ----------------------------------------------------------------------------------

    def run(self) -> list[str]:
        """Everything in some order, then quiet; returns what is wrong in the end."""
        acts: list[tuple[Callable[[Node], None], int]] = [
            *((self.grow, 12), (self.offer, 25), (self.repeat_request, 6), (self.speak, 14)),
            *((self.meet, 25), (self.cheat, 10), (self.back_up, 3), (self.go_back, 3)),
        ]
        for _ in range(EVENTS):
            self.now += self.random.choice((1_000, 60_000, PERIOD_MS // 2))
            [act] = self.random.choices([act for act, _ in acts], [weight for _, weight in acts])
            act(self.draw())
        return self.settle()

    def settle(self) -> list[str]:
        """All meet all, and then know the same, and the truth."""
        self.quiet = True
        liars = [each.id for each in self.nodes if self.is_told_apart(each.id)]
        for _ in range(ROUNDS_MAX):
            for one in self.nodes:
                for other in self.nodes:
                    if one is not other:
                        self.exchange(one, other, 0.0)
            if len({node.store.items.fingerprint("") for node in self.nodes}) == 1:
                return [wrong for node in self.nodes for wrong in self.check(node, liars)]
        return ["circles that meet do not come to know the same"]

    def is_told_apart(self, circle: bytes) -> bool:
        """Whether some believe one thing of a circle, and others another of the same number."""
        newest = {known.version: set[bytes]() for known in self.bulletins(circle)}
        for bulletin in self.bulletins(circle):
            newest[bulletin.version].add(bulletin.id)
        return bool(newest) and len(newest[max(newest)]) > 1

    def bulletins(self, circle: bytes) -> list[Envelope]:
        held = (node.store[circle].bulletin for node in self.nodes)
        return [bulletin for bulletin in held if bulletin is not None]

    def check(self, node: Node, liars: Sequence[bytes]) -> list[str]:
        """What a circle knows when all know the same; ``liars`` were told apart before."""
        wrong = []
        if any(node.store[circle].conflict is None for circle in liars):
            wrong.append("a contradiction left no proof")
        kept = {
            (kind, circle): data for circle in node.store for kind, data in _records(node, circle)
        }
        if kept != node.rows:
            wrong.append("what is durable is not what is known")
        for conflict in node.store.conflicts():
            verify_conflict(conflict)
        for each in self.nodes:
            known = node.store[each.id]
            if each.honest and known.conflict is not None:
                wrong.append("an honest circle stands convicted")
            if each.honest and known.bulletin is not None and known.bulletin not in each.said:
                wrong.append("a circle is believed to have said what it did not")
            newest = max((said.seq for said in each.said), default=0)
            if each.honest and each.backup is None and known.number != newest:
                wrong.append("the newest bulletin is not known")
        return wrong


def run(seed: int) -> Heads:
    """Run one seed."""
    random = Random(seed)
    size = random.choice((2, 3, 3, 4))
    honest = [True] + [random.random() < 0.6 for _ in range(size - 1)]
    ids = [speaker_of(number).id for number in range(size)]
    nodes = [
        Node(number, honest[number], Store(ids[number], ids, Limits())) for number in range(size)
    ]
    heads = Heads(random, nodes, quiet=True)
    for node in nodes:
        heads.take(node, Publish((announcement_of(node.number).data,)))
    heads.quiet = False
    try:
        heads.wrong += heads.run()
    except BROKEN as error:
        heads.wrong.append(f"{type(error).__name__}: {error}")
    return heads


def _is_of(branch: Sequence[bytes], checkpoint: Checkpoint) -> bool:
    return (
        checkpoint.size <= len(branch) and merkle.root(branch[: checkpoint.size]) == checkpoint.root
    )


def _records(node: Node, circle: bytes) -> list[tuple[Kind, bytes]]:
    return [(kind, data) for kind, _, data in node.store[circle].records()]


def _message_of(effects: Sequence[Effect]) -> bytes | None:
    for effect in effects:
        if isinstance(effect, Send | Reply):
            return effect.message
    return None
