"""Mutants that runs of another kind catch: of the cores of gossip and of witnesses, and of what a
node does to make steps durable."""

from __future__ import annotations

from tests.simulator.change import Change

_STORE = "ledger.federation.gossip_store"
_WITNESS = "ledger.witness"

HEADS: dict[str, tuple[Change, ...]] = {
    "statement number reused": (
        Change(
            "ledger.federation.gossip",
            "    return number if held is None or held.version < (epoch, number) else None\n",
            "    return number if held is None or held.version <= (epoch, number) else None\n",
        ),
    ),
    "a second bulletin over the first": (
        Change(_STORE, "    if held and is_other:\n", "    if False:\n"),
    ),
    "an older bulletin over a newer": (
        Change(
            _STORE,
            "    if held and (envelope.version < held.version or envelope.id == held.id):\n",
            "    if held and envelope.id == held.id:\n",
        ),
    ),
    "signature of a bulletin not checked": (
        Change(_STORE, "    envelopes.verify_envelope(envelope, known.link_key)\n", ""),
    ),
    "proof of a contradiction not passed on": (
        Change(
            _STORE,
            '        add(Kind.CONFLICT, known.conflict.version, b"")\n',
            "        pass\n",
        ),
    ),
    "consistency proof skipped": (
        Change(
            _WITNESS,
            "        verify_consistency("
            "log.size, checkpoint.size, request.proof, log.root, checkpoint.root)\n",
            "        pass\n",
        ),
    ),
    "cosignature on a smaller head": (
        Change(
            _WITNESS,
            "    if request.old_size != log.size:\n",
            "    if checkpoint.size < log.size:\n"
            "        text = parse_note(request.note).text\n"
            "        return Cosigned(checkpoint, cosign(text, signer, timestamp))\n"
            "    if request.old_size != log.size:\n",
        ),
    ),
    "signature of a head not checked": (
        Change(
            _WITNESS,
            "        open_checkpoint(request.note, (log.key,), checkpoint.origin)\n",
            "        pass\n",
        ),
    ),
}
"""Caught by ``tests.simulator.heads``."""

NODES: dict[str, tuple[Change, ...]] = {
    "answer before persist, in a node": (
        Change(
            "node.writer",
            "        try:\n            outcomes = await self._persist(submissions)\n",
            "        for parcel in parcels:\n"
            '            parcel.answer.set_result([Stepped(None, "")] * len(parcel.submissions))\n'
            "        try:\n            outcomes = await self._persist(submissions)\n",
        ),
    ),
    "outbox row after the commit, in a node": (
        Change(
            "node.store",
            "        if batch.changes:\n"
            "            await write_federation(connection, batch.changes)\n",
            "",
        ),
        Change(
            "node.store",
            '    crash_points.reach("commit-after")\n',
            '    crash_points.reach("commit-after")\n'
            "    if batch.changes:\n"
            "        await write_federation(connection, batch.changes)\n",
        ),
    ),
    "a way that was tried is not struck out": (
        Change("node.federation.changes", "ways = excluded.ways, ", ""),
    ),
    "a raised limit that is not stored": (
        Change("node.federation.changes", "may_be_owed = excluded.may_be_owed, ", ""),
    ),
}
"""Caught by ``tests.simulator.on_postgres``."""
