"""Vectors of evidence: what convicts a circle before anybody, and what convicts nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ledger import codec, keys, merkle
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.federation.agreement import encode_agreement, sign_agreement
from ledger.federation.gossip_envelope import Conflict, Envelope, encode_conflict
from ledger.federation.message import Accept, Commit, Content, Prepare, Propose, Statement
from ledger.federation.payment import Status, sign_commit, sign_status
from ledger.federation.proof import (
    Claims,
    Dispute,
    Evidence,
    Heads,
    Impossible,
    Past,
    Verdicts,
    Versions,
    WrongBooks,
    decode_evidence,
    encode_evidence,
    verify_evidence,
)
from ledger.federation.proof_link import Claim
from ledger.note import ED25519, Signer, VerifierKey, format_vkey, make_signer
from tests.circle import NOON, seed
from tests.federation.gossip_circles import Speaker
from tests.link_talk import (
    AGREEMENT,
    EXETER,
    HIGH,
    LOW,
    LUTON,
    TERMS,
    Talk,
    a_day,
    certificate_of,
    commit,
    header_of,
    payment_of,
    prepare,
    release,
    run_of,
    statement_of,
    who_of,
)
from tests.vectors.ledger_orders import Case, Files, render

Sample = tuple[str, Evidence]

WHO, OTHER = who_of(EXETER), who_of(LUTON)
DAY = a_day()
TRUE = DAY.state()
EXETER_LOW = LOW == EXETER
OURS, THEIRS = ("low", "high") if EXETER_LOW else ("high", "low")


def evidence_files() -> Files:
    """Path to (about, cases)."""
    return {
        "valid/evidence.json": (
            "evidence, and what it proves against whom",
            [_show(*sample) for sample in valid_samples()],
        ),
        "invalid/evidence.json": (
            "bytes that are no evidence, or evidence that proves nothing",
            [*_proving_nothing(), *_malformed()],
        ),
    }


def _show(shows: str, evidence: Evidence) -> Case:
    data = encode_evidence(evidence)
    finding = {name: render(value) for name, value in asdict(verify_evidence(data)).items()}
    return {"shows": shows, "evidence": data.hex(), "finding": finding}


def lies(**changed: Any) -> Claim:
    """Exeter's statement after the day, with something else in it."""
    return statement_of(EXETER, TRUE._replace(**changed))


def changed(statement: Statement, **fields: Any) -> Statement:
    """A statement with other fields."""
    return statement._replace(**fields)


def books(talk: Talk, statement: Statement, name: str = EXETER) -> WrongBooks:
    """A statement with all messages."""
    signed = statement_of(name, statement).signed
    return WrongBooks(who_of(name), AGREEMENT, b"", signed, talk.bodies(LOW), talk.bodies(HIGH))


def valid_samples() -> Iterator[Sample]:
    """Something of every kind, and of every word that a finding has."""
    yield from _claims()
    yield from _wrong_books()
    yield from _impossible()
    yield from _verdicts()
    yield from _heads()
    yield from _versions()
    ours = statement_of(LUTON, TRUE)
    yield (
        "Two circles count the same messages differently.",
        Dispute(WHO, AGREEMENT, lies(tally=TRUE.tally + 1), ours),
    )
    unknown = lies(**{f"{THEIRS}_hash": bytes(32)})
    yield (
        "One names a message that the other signed differently.",
        Dispute(WHO, AGREEMENT, unknown, DAY.run(LUTON, len(DAY.said[LUTON]))),
    )
    ahead = lies(**{f"{THEIRS}_seq": 99, f"{THEIRS}_hash": bytes(31) + b"\1"})
    yield "One has messages that the other knows nothing of.", Past(WHO, AGREEMENT, ahead.signed)


def _claims() -> Iterator[Sample]:
    other = run_of(EXETER, DAY.body(EXETER, prepare(9), after=1))
    yield "Two messages under one number.", Claims(WHO, AGREEMENT, DAY.run(EXETER, 1, 3), other)
    yield (
        "A message after another one than was sent.",
        Claims(
            WHO, AGREEMENT, DAY.run(EXETER, 1, 1), run_of(EXETER, _forked().body(EXETER, commit(3)))
        ),
    )
    yield (
        "A statement of another message than was sent.",
        Claims(WHO, AGREEMENT, DAY.run(EXETER, 4), lies(**{f"{OURS}_hash": bytes(32)})),
    )
    yield (
        "Two messages of the other under one number.",
        Claims(WHO, AGREEMENT, statement_of(EXETER, TRUE), lies(**{f"{THEIRS}_hash": bytes(32)})),
    )
    yield (
        "Two accounts of the same messages.",
        Claims(WHO, AGREEMENT, statement_of(EXETER, TRUE), lies(tally=TRUE.tally + 1)),
    )
    yield (
        "Of one agreement and of another.",
        Claims(WHO, AGREEMENT, statement_of(EXETER, TRUE), lies(agreement=2)),
    )
    talk = a_day()
    talk.say(EXETER, prepare(4, 8))
    talk.say(LUTON, prepare(5), release(1), commit(1))
    yield (
        "One payment sent twice.",
        Claims(WHO, AGREEMENT, talk.run(EXETER, 4, 4), talk.run(EXETER, 5)),
    )
    yield "The same in one run.", Claims(WHO, AGREEMENT, *[talk.run(EXETER, 3)] * 2)
    yield (
        "One payment committed to twice.",
        Claims(OTHER, AGREEMENT, talk.run(LUTON, 1, 1), talk.run(LUTON, 5)),
    )


def _forked() -> Talk:
    """Exeter's first message is another one."""
    talk = Talk()
    talk.say(EXETER, prepare(8))
    return talk


def _wrong_books() -> Iterator[Sample]:
    yield "It says that it owes less.", books(DAY, TRUE._replace(tally=0))
    yield "It says that less is under way.", books(DAY, changed(TRUE, **{f"{OURS}_held": 0}))
    yield "It says that another agreement holds.", books(DAY, TRUE._replace(agreement=2))
    yield "The other circle says so.", books(DAY, TRUE._replace(tally=0), LUTON)
    talk = Talk()
    talk.say(EXETER, prepare(1, 40))
    talk.say(LUTON, commit(1))
    base = statement_of(EXETER, talk.state()).signed
    talk.say(LUTON, prepare(3, 25))
    talk.say(EXETER, commit(3))
    end = statement_of(EXETER, talk.state()._replace(tally=0)).signed
    after = {EXETER: talk.bodies(EXETER, 1), LUTON: talk.bodies(LUTON, 1)}
    yield (
        "Counted from an earlier statement of its own.",
        WrongBooks(WHO, AGREEMENT, base, end, after[LOW], after[HIGH]),
    )
    talk.say(EXETER, release(3))
    yield "It ended once more what was committed.", books(talk, talk.state())
    talk = Talk()
    talk.say(EXETER, commit(7))
    yield "It ended what nobody sent.", books(talk, talk.state())
    talk = Talk()
    talk.say(EXETER, prepare(1), prepare(1))
    yield "It sent a payment twice.", books(talk, talk.state())


def _impossible() -> Iterator[Sample]:
    talk = Talk()
    talk.say(LUTON, Commit(payment_of(1), sign_commit(payment_of(1), seed("exeter decision"))))
    yield (
        "A COMMIT that is not the decider's.",
        Impossible(OTHER, AGREEMENT, talk.run(LUTON, 1).signed, header_of(1)),
    )
    body = encode_agreement(TERMS._replace(number=2))
    forged = sign_agreement(body, seed("luton link"))
    yield "A proposal that it did not sign.", _said(Propose(body, forged))
    accept = Accept(keys.object_id(keys.AGREEMENT, body), forged)
    yield "An acceptance that it did not sign.", _said(accept, body)
    other = encode_agreement(TERMS._replace(number=2, unit=b"days"))
    signature = sign_agreement(other, seed("exeter link"))
    yield "A proposal in another unit.", _said(Propose(other, signature))
    yield "A proposal of nothing.", _said(Propose(b"terms", bytes(64)))
    yield "A payment without a header.", _said(Prepare(b"header", 1, ()))


def _said(content: Content, about: bytes = b"") -> Impossible:
    """One message of Exeter's."""
    run = run_of(EXETER, Talk().body(EXETER, content))
    return Impossible(WHO, AGREEMENT, run.signed, about)


def verdict(word: str, number: int = 1) -> Claim:
    """Luton's verdict on a payment."""
    status = Status(payment_of(number), word, NOON)
    return Claim("status", sign_status(status, seed("luton decision")))


def committed(number: int = 1) -> Claim:
    """Luton's COMMIT."""
    return Claim("commit", commit(number).signature)


def released(reason: str, number: int = 1, name: str = LUTON) -> Claim:
    """A release of a payment on the link, as a circle signed it."""
    run = run_of(name, Talk().body(name, release(number, reason)))
    return Claim("release", run.signed)


def _verdicts() -> Iterator[Sample]:
    header = header_of(1)
    yield "Committed, and refused.", Verdicts((OTHER,), header, committed(), verdict("refused"))
    yield (
        "Committed, and released for good.",
        Verdicts((OTHER,), header, committed(), released("payee")),
    )
    yield "In two statuses.", Verdicts((OTHER,), header, verdict("refused"), verdict("committed"))
    yield (
        "By a circle of which only the key is known.",
        Verdicts((), header, committed(), verdict("refused")),
    )


def log_signer(name: str) -> Signer:
    """What signs the heads of a circle's log."""
    return make_signer(certificate_of(name).origin, seed(f"{name} log"))


def head(name: str, leaves: list[bytes], signer: Signer | None = None) -> bytes:
    """A signed head of a log of these leaves."""
    checkpoint = Checkpoint(certificate_of(name).origin, len(leaves), merkle.root(leaves))
    return sign_checkpoint(checkpoint, signer or log_signer(name)).encode()


LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(9)]
FORKED = [merkle.leaf_hash(b"another"), *LEAVES[1:]]


def vkey_of(name: str) -> bytes:
    """The verifier key of a circle's log."""
    known = certificate_of(name)
    return format_vkey(VerifierKey(known.origin, ED25519, known.log)).encode()


def _heads() -> Iterator[Sample]:
    one, other = head(EXETER, LEAVES[:6]), head(EXETER, FORKED[:6])
    key = vkey_of(EXETER)
    yield "Two heads of one size.", Heads((WHO,), key, one, other, b"", ())
    yield "By a log of which only the key is known.", Heads((), key, one, other, b"", ())
    grown, root = head(EXETER, FORKED), merkle.root(FORKED[:6])
    path = tuple(merkle.consistency_proof(6, FORKED))
    yield (
        "A head that continues another tree than the one before it.",
        Heads((WHO,), key, one, grown, root, path),
    )


def conflict(announcement: Envelope | None, *pair: Envelope) -> Versions:
    """Two versions, in the order that they are written in."""
    first, second = sorted(pair, key=lambda each: each.id)
    return Versions(encode_conflict(Conflict(announcement, first, second)))


def _versions() -> Iterator[Sample]:
    liar = Speaker("liar")
    yield (
        "Two bulletins of one period.",
        conflict(liar.announcement(), liar.bulletin(accounts=1), liar.bulletin(accounts=2)),
    )
    yield (
        "Two sets of keys of one epoch.",
        conflict(None, liar.announcement(), liar.announcement(fork="x")),
    )


# --- what proves nothing --------------------------------------------------------------------------


def honest_samples() -> Iterator[Sample]:
    """Signed things that do not contradict each other, in every kind."""
    state = statement_of(EXETER, TRUE)
    yield "One statement twice.", Claims(WHO, AGREEMENT, state, state)
    yield "One run twice.", Claims(WHO, AGREEMENT, *[DAY.run(EXETER, 1)] * 2)
    yield (
        "Two runs that overlap.",
        Claims(WHO, AGREEMENT, DAY.run(EXETER, 1, 3), DAY.run(EXETER, 2)),
    )
    yield (
        "Two runs that follow each other.",
        Claims(WHO, AGREEMENT, DAY.run(EXETER, 1, 2), DAY.run(EXETER, 3)),
    )
    yield "A run and a statement.", Claims(WHO, AGREEMENT, DAY.run(EXETER, 1), state)
    begun = Statement(*Talk().state())
    yield (
        "Two statements, of then and of now.",
        Claims(WHO, AGREEMENT, statement_of(EXETER, begun), state),
    )
    talk = Talk()
    talk.say(LUTON, release(1), commit(1))
    yield (
        "A payment that was released, sent again, and committed.",
        Claims(OTHER, AGREEMENT, talk.run(LUTON, 1, 1), talk.run(LUTON, 2)),
    )
    yield "A true statement.", books(DAY, TRUE)
    yield "A true statement of the other's.", books(DAY, TRUE, LUTON)
    yield from _honest_to_liars()
    yield (
        "A COMMIT of the decider.",
        Impossible(
            OTHER, AGREEMENT, run_of(LUTON, Talk().body(LUTON, commit(1))).signed, header_of(1)
        ),
    )
    yield from _possible()
    yield (
        "Committed, and committed.",
        Verdicts((OTHER,), header_of(1), committed(), verdict("committed")),
    )
    for reason in ("limit", "seen", "value", "route"):
        yield (
            f"Committed, and released over another way: {reason}.",
            Verdicts((OTHER,), header_of(1), committed(), released(reason)),
        )
    yield (
        "Refused, and not known.",
        Verdicts((OTHER,), header_of(1), verdict("refused"), verdict("unknown")),
    )
    key, one, grown = vkey_of(EXETER), head(EXETER, LEAVES[:6]), head(EXETER, LEAVES)
    yield "A head twice.", Heads((WHO,), key, one, one, b"", ())
    yield "Two heads of two sizes.", Heads((WHO,), key, one, head(EXETER, FORKED), b"", ())
    path = tuple(merkle.consistency_proof(6, LEAVES))
    root = merkle.root(LEAVES[:6])
    yield "A head that continues the one before it.", Heads((WHO,), key, one, grown, root, path)
    yield (
        "Two circles that say the same.",
        Dispute(WHO, AGREEMENT, state, statement_of(LUTON, TRUE)),
    )
    yield (
        "Two circles of which one has heard less.",
        Dispute(WHO, AGREEMENT, state, statement_of(LUTON, begun)),
    )
    yield (
        "A statement before the first message.",
        Past(WHO, AGREEMENT, statement_of(EXETER, begun).signed),
    )


def _possible() -> Iterator[Sample]:
    yield "A payment with its header.", _said(prepare(1))
    yield "A message of another kind.", _said(release(1))
    body = encode_agreement(TERMS._replace(number=7))
    signature = sign_agreement(body, seed("exeter link"))
    yield "A proposal.", _said(Propose(body, signature))
    yield "An acceptance.", _said(Accept(keys.object_id(keys.AGREEMENT, body), signature), body)


def _honest_to_liars() -> Iterator[Sample]:
    """Luton lies; Exeter says what is so by what Luton sent."""
    talk = Talk()
    talk.say(LUTON, prepare(1, 10), prepare(1, 20))
    talk.say(EXETER, release(1, "seen"))
    yield (
        "The other sent one payment twice.",
        books(talk, changed(talk.state(), **{f"{THEIRS}_held": 10})),
    )
    talk = Talk()
    talk.say(LUTON, release(1))
    yield "The other ended what was not held.", books(talk, talk.state())


def _refused(why: str, data: bytes, error: str = "malformed") -> Case:
    return {"why": why, "error": error, "evidence": data.hex()}


def _proving_nothing() -> Iterator[Case]:
    for why, evidence in honest_samples():
        yield _refused(why, encode_evidence(evidence), "proof-invalid")


def _malformed() -> Iterator[Case]:
    samples = dict(valid_samples())
    for why, evidence in (*_of_others(samples), *_incomplete()):
        yield _refused(why, encode_evidence(evidence))
    for why, evidence, error in _forged(samples):
        yield _refused(why, encode_evidence(evidence), error)
    whole = encode_evidence(samples["Two messages under one number."])
    kind, content = codec.unpack(whole, len(whole), "evidence")
    yield _refused("Nothing.", b"")
    yield _refused("A kind that there is not.", codec.encode(("rumour", content)))
    yield _refused("Something of another kind.", codec.encode(("heads", content)))
    yield _refused("A third part.", codec.encode((kind, content, b"")))
    yield _refused("Cut off.", whole[:-1])
    yield _refused("Something behind it.", whole + b"\0")


def _of_others(samples: dict[str, Evidence]) -> Iterator[Sample]:
    """Parts that belong to other circles, links, payments."""
    claims = samples["Two messages under one number."]
    assert isinstance(claims, Claims)
    yield "A circle that is not of the link.", claims._replace(who=who_of("kent"))
    talk = Talk()
    talk.say(LUTON, prepare(1))
    yield (
        "Messages of the other circle.",
        claims._replace(first=Claim("run", run_of(EXETER, *talk.bodies(LUTON)).signed)),
    )
    wrong = samples["It says that it owes less."]
    assert isinstance(wrong, WrongBooks)
    yield "A message is missing.", wrong._replace(low=wrong.low[:-1])
    yield "A message too many.", wrong._replace(high=(*wrong.high, wrong.high[-1]))
    yield "The two directions have changed places.", wrong._replace(low=wrong.high, high=wrong.low)
    yield "It begins with a payment under way.", wrong._replace(base=wrong.statement)
    false = samples["A COMMIT that is not the decider's."]
    assert isinstance(false, Impossible)
    yield "The header of another payment.", false._replace(about=header_of(2))
    verdicts = samples["Committed, and refused."]
    assert isinstance(verdicts, Verdicts)
    yield "A payment that another circle decides.", verdicts._replace(who=(WHO,))
    yield (
        "Another payment that was released.",
        verdicts._replace(second=released("payee", 2)),
    )
    yield "A status of another payment.", verdicts._replace(second=verdict("refused", 2))
    heads = samples["Two heads of one size."]
    assert isinstance(heads, Heads)
    yield "The log of another circle.", heads._replace(who=(OTHER,))
    yield "A path between heads of one size.", heads._replace(root=bytes(32))


def _incomplete() -> Iterator[Sample]:
    accept, propose = Accept(bytes(32), bytes(64)), Propose(b"\1", bytes(64))
    yield "An acceptance of another agreement.", _said(accept, b"\1")
    yield "A proposal with something beside it.", _said(propose, b"\1")
    liar = Speaker("liar")
    yield (
        "One bulletin twice.",
        Versions(encode_conflict(Conflict(liar.announcement(), *[liar.bulletin()] * 2))),
    )


def _forged(samples: dict[str, Evidence]) -> Iterator[tuple[str, Evidence, str]]:
    """Things that the accused did not sign."""
    wrong = "signature-invalid"
    claims = samples["Two accounts of the same messages."]
    assert isinstance(claims, Claims)
    forged = statement_of(LUTON, TRUE._replace(tally=1))
    yield "A statement that the other circle signed.", claims._replace(second=forged), wrong
    yield (
        "Keys that another certified.",
        claims._replace(who=WHO._replace(signature=bytes(64))),
        wrong,
    )
    body, low, high = codec.unpack(AGREEMENT, len(AGREEMENT), "agreement")
    unsigned = codec.encode((body, high, low))
    yield "An agreement that nobody signed.", claims._replace(agreement=unsigned), wrong
    verdicts = samples["Committed, and refused."]
    assert isinstance(verdicts, Verdicts)
    another = Claim("commit", commit(1, EXETER).signature)
    yield "A COMMIT that another signed.", verdicts._replace(first=another), wrong
    other = released("payee", 1, EXETER)
    yield "A release that another signed.", verdicts._replace(second=other), wrong
    heads = samples["Two heads of one size."]
    assert isinstance(heads, Heads)
    stranger = head(EXETER, FORKED[:6], make_signer(certificate_of(EXETER).origin, seed("x")))
    yield "A head that another key signed.", heads._replace(second=stranger), "note-invalid"
    grown = samples["A head that continues another tree than the one before it."]
    assert isinstance(grown, Heads)
    yield "A path that leads nowhere.", grown._replace(path=grown.path[1:]), "proof-invalid"


def all_parts() -> list[Evidence]:
    """Every sample, read back from its bytes."""
    return [decode_evidence(encode_evidence(evidence)) for _, evidence in valid_samples()]
