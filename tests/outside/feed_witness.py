"""A log that nobody here wrote (aics-tlog), fed to a node by its own feeder (aics-witness).

Run where those are installed: without arguments it prints the log's verifier key; with a node's
address and its verifier key as a witness it shows the node five heads, verifies each cosignature as
its users do, and prints the sizes.
"""

import sys

from aics_tlog import (  # type: ignore[import-not-found]
    Checkpoint,
    MerkleTree,
    format_vkey,
    parse_note,
    parse_vkey,
    sign_checkpoint,
    verify_checkpoint,
    vkey_from_ed25519,
)
from aics_witness.feeder import (  # type: ignore[import-not-found]
    WitnessClient,
    WitnessRejected,
    merge_cosignatures,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "log.example/nobody-here-wrote"
KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
VKEY = vkey_from_ed25519(ORIGIN, KEY.public_key())
SIZES = (1, 2, 5, 5, 300)


def feed(url: str, witness: str) -> None:
    """Show the heads, then one of another history, which must be refused."""
    tree = MerkleTree(b"entry %d" % number for number in range(max(SIZES)))
    with WitnessClient(url, witness) as client:
        for size in SIZES:
            note = sign_checkpoint(Checkpoint(ORIGIN, size, tree.root(size)), KEY, ORIGIN)
            line = client.submit(note.to_bytes(), tree.consistency_proof)
            cosigned = parse_note(merge_cosignatures(note.to_bytes(), line))
            result = verify_checkpoint(
                cosigned, VKEY, [parse_vkey(witness)], 1, expected_origin=ORIGIN, max_age_seconds=60
            )
            assert result.ok, result
            print(size)
        other = MerkleTree(b"another %d" % number for number in range(400))
        note = sign_checkpoint(Checkpoint(ORIGIN, 400, other.root(400)), KEY, ORIGIN)
        try:
            client.submit(note.to_bytes(), other.consistency_proof)
        except WitnessRejected as refused:
            print("refused", refused.status)


if __name__ == "__main__":
    if sys.argv[1:]:
        feed(*sys.argv[1:])
    else:
        print(format_vkey(VKEY))
