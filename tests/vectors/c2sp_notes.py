"""Vectors for signed notes, checkpoints and cosignatures (C2SP)."""

from __future__ import annotations

import hashlib

from ledger import merkle
from ledger.checkpoint import Checkpoint, format_checkpoint, sign_checkpoint
from ledger.cosignature import TIMESTAMP_MAX, cosign
from ledger.note import (
    COSIGNATURE_V1,
    NOTE_BYTES_MAX,
    Signature,
    encode_base64,
    format_signature,
    format_vkey,
    make_signer,
    parse_signatures,
    sign_note,
)
from tests.vectors.c2sp_merkle import NOTE_ERROR, Case, Files, refused

ORIGIN = "circle.example/log"
TIME = 1679315147


def seed_of(role: str) -> bytes:
    """The published private key of a test role; nothing else may ever use one."""
    return hashlib.sha256(f"tallystick test vector: {role}".encode()).digest()


LOG = make_signer(ORIGIN, seed_of("log"))
OTHER = make_signer("other.example/log", seed_of("other"))
WITNESS1 = make_signer("w1.example", seed_of("witness 1"), COSIGNATURE_V1)
WITNESS2 = make_signer("w2.example", seed_of("witness 2"), COSIGNATURE_V1)
LOG_VKEY = format_vkey(LOG.key)
OTHER_VKEY = format_vkey(OTHER.key)
WITNESS_VKEYS = [format_vkey(WITNESS1.key), format_vkey(WITNESS2.key)]
ALIAS = make_signer("w1.example/again", seed_of("witness 1"), COSIGNATURE_V1)
ODD_NAME = make_signer("caf\u00e9\ufeff\u007f.example", seed_of("other"))
"""None of these is white space, or a control character below U+0020."""
LONG_NAME = make_signer("\u00e9" * 127 + "e", seed_of("other"))
"""255 bytes."""

LEAVES = [b"leaf %d" % index for index in range(11)]
LEAF_HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
CHECKPOINT = Checkpoint(ORIGIN, len(LEAVES), merkle.root(LEAF_HASHES))
TEXT = format_checkpoint(CHECKPOINT)
SIGNED = sign_checkpoint(CHECKPOINT, LOG)
ROOT_LINE = encode_base64(CHECKPOINT.root)

SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONn"
    "cAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def note_files() -> Files:
    return {
        "valid/note-key.json": ("signed-note: verifier keys", keys()),
        "invalid/note-key.json": ("signed-note: verifier keys to refuse", bad_keys()),
        "valid/note-signed.json": ("signed-note: which of vkeys signed the text", notes()),
        "invalid/note-signed.json": ("signed-note: to refuse with vkeys known", bad_notes()),
        "valid/note-checkpoint.json": ("tlog-checkpoint: the text of a note", checkpoints()),
        "invalid/note-checkpoint.json": ("tlog-checkpoint: texts to refuse", bad_checkpoints()),
        "valid/note-cosignature.json": ("tlog-cosignature: who cosigned, when", cosigned()),
        "invalid/note-cosignature.json": ("tlog-cosignature: to refuse", bad_cosigned()),
    }


# --- keys -----------------------------------------------------------------------------------------


def keys() -> list[Case]:
    seeds = {"log": LOG, "other": OTHER, "witness 1": WITNESS1, "witness 2": WITNESS2}
    cases: list[Case] = [
        {
            "vkey": format_vkey(signer.key),
            "name": signer.key.name,
            "key_id": signer.key.key_id.hex(),
            "signature_type": signer.key.signature_type,
            "public_key": signer.key.public_key.hex(),
            "seed": seed_of(role).hex(),
        }
        for role, signer in seeds.items()
    ]
    spec: Case = {
        "vkey": SPEC_VKEY,
        "name": "example.com/foo",
        "key_id": "530d903a",
        "signature_type": 1,
        "public_key": "e932791ae6e7a840a46164c904786426d5e7821dd8b29a00d61cae72afdd4da4",
    }
    odd: list[Case] = [
        {
            "vkey": format_vkey(signer.key),
            "name": signer.key.name,
            "key_id": signer.key.key_id.hex(),
            "signature_type": signer.key.signature_type,
            "public_key": signer.key.public_key.hex(),
            "seed": seed_of("other").hex(),
        }
        for signer in (ODD_NAME, LONG_NAME)
    ]
    return [spec, *cases, *odd, _no_point()]


def _vkey(name: str, signature_type: int, public_key: bytes) -> str:
    """A vkey as it is written, whatever its parts."""
    material = bytes([signature_type]) + public_key
    key_id = hashlib.sha256(name.encode() + b"\n" + material).hexdigest()[:8]
    return f"{name}+{key_id}+{encode_base64(material)}"


def _no_point() -> Case:
    """What is no point of the curve is a key, and signs nothing."""
    public_key = (2).to_bytes(32, "little")
    vkey = _vkey("none.example", 1, public_key)
    return {
        "vkey": vkey,
        "name": "none.example",
        "key_id": vkey.split("+")[1],
        "signature_type": 1,
        "public_key": public_key.hex(),
    }


def bad_keys() -> list[Case]:
    name, key_id, encoded = SPEC_VKEY.split("+", 2)
    material = b"\x02" + LOG.key.public_key
    id_of_type_2 = hashlib.sha256(b"example.com/foo\n" + material).hexdigest()[:8]
    vkeys = {
        "empty": "",
        "two parts": f"{name}+{key_id}",
        "no name": f"+{key_id}+{encoded}",
        "another name": f"{name}2+{key_id}+{encoded}",
        "another key id": f"{name}+530d903b+{encoded}",
        "a capital in the key id": f"{name}+530D903A+{encoded}",
        "a space in the name": f"example com+{key_id}+{encoded}",
        "a newline at the end": f"{SPEC_VKEY}\n",
        "base64 without its last character": SPEC_VKEY[:-1],
        "signature type 2": f"{name}+{id_of_type_2}+{encode_base64(material)}",
        "a key of 31 bytes": f"{name}+{key_id}+{encode_base64(bytes([1]) + bytes(31))}",
        "no key": f"{name}+{key_id}+",
        "a name of 256 bytes": _vkey("n" * 256, 1, LOG.key.public_key),
        "a next line (U+0085) in the name": _vkey("a\u0085b", 1, LOG.key.public_key),
        "a no-break space in the name": _vkey("a\u00a0b", 1, LOG.key.public_key),
        "a control character in the name": _vkey("a\u0001b", 1, LOG.key.public_key),
    }
    return [refused(why, NOTE_ERROR, {"vkey": vkey}) for why, vkey in vkeys.items()]


# --- notes ----------------------------------------------------------------------------------------


def notes() -> list[Case]:
    poem = "Ognuno sta solo sul cuor della terra\n\ned è subito sera.\n"
    twice = sign_note(poem, OTHER, LOG, LOG)
    stranger = format_signature(Signature(ORIGIN, b"\0\0\0\0", b"\1" * 64))
    both = [LOG_VKEY, OTHER_VKEY]
    cases = [
        (SPEC_NOTE, [SPEC_VKEY], "This is an example message.\n", [SPEC_VKEY]),
        (sign_note(poem, LOG), both, poem, [LOG_VKEY]),
        (sign_note("\n", LOG), both, "\n", [LOG_VKEY]),
        (twice, both, poem, both),
        (sign_note(poem, LOG, OTHER) + stranger, [OTHER_VKEY], poem, [OTHER_VKEY]),
    ]
    return [
        {"note": note, "vkeys": vkeys, "text": text, "signed_by": signed_by}
        for note, vkeys, text, signed_by in cases
    ] + [_odd_lines(poem), _largest(0)]


def _odd_lines(text: str) -> Case:
    """Lines of unknown keys, as long and odd as they may be."""
    note = sign_note(text, LOG, ODD_NAME, LONG_NAME)
    return {"note": note, "vkeys": [LOG_VKEY], "text": text, "signed_by": [LOG_VKEY]}


def _largest(over: int) -> Case:
    """A note of 1,000,000 bytes, and so many more."""
    overhead = len(sign_note("\n", LOG).encode())
    padding = NOTE_BYTES_MAX - overhead + over
    signature = LOG.signing_key.sign(b"x" * padding + b"\n").signature
    line = format_signature(Signature(LOG.key.name, LOG.key.key_id, signature))
    case: Case = {"padding": padding, "note": f"\n\n{line}", "vkeys": [LOG_VKEY]}
    return case if over else case | {"text": "\n", "signed_by": [LOG_VKEY]}


def bad_notes() -> list[Case]:
    signed = sign_note("text\n", LOG)
    line = signed.partition("\n\n")[2]
    other_line = sign_note("other\n", LOG).partition("\n\n")[2]
    texts = {
        "empty": "",
        "no signature": "text\n\n",
        "no signature of a known key": sign_note("text\n", OTHER),
        "another text": signed.replace("text", "texts"),
        "a bad signature of a known key beside a good one": signed + other_line,
        "the known key's name with another key id": signed.replace(line.split()[2][:6], "AAAAAA"),
        "no empty line before the signatures": "text\n" + line,
        "no text": "\n" + line,
        "no newline at the end": signed[:-1],
        "an empty line at the end": signed + "\n",
        "a carriage return": signed.replace("text", "text\r"),
        "a tab": signed.replace("text", "\ttext"),
        "a hyphen for the dash": signed.replace("—", "-"),
        "two spaces after the name": signed.replace(
            " circle.example/log ", " circle.example/log  "
        ),
        "a plus in another key's name": signed + line.replace("circle", "circle+"),
        "a wide space in another key's name": signed + line.replace("circle", "cir\u3000cle"),
        "another key's signature of four bytes": signed + "— other.example AAAAAA==\n",
        "another key's signature without padding": signed + "— other.example AAAAAAA\n",
        "another key's signature with loose bits": signed + "— other.example AAAAAAB=\n",
        "101 signatures": signed + line * 100,
    }
    lines = {
        "another key's name of 256 bytes": signed + line.replace(ORIGIN, "n" * 256),
        "a next line (U+0085) in another key's name": signed
        + line.replace("circle", "cir\u0085cle"),
        "another key's line without a signature": signed + "— other.example\n",
        "a line that is none": signed + "signed by us all\n",
    }
    cases = [{"note": note, "vkeys": [LOG_VKEY]} for note in texts.values()]
    invalid_utf8 = signed.encode().replace(b"text", b"te\xffxt").hex()
    return [
        *[refused(why, NOTE_ERROR, case) for why, case in zip(texts, cases, strict=True)],
        refused("not UTF-8", NOTE_ERROR, {"note_hex": invalid_utf8, "vkeys": [LOG_VKEY]}),
        refused(
            "a key of a witness among those of logs",
            NOTE_ERROR,
            {"note": signed, "vkeys": [LOG_VKEY, WITNESS_VKEYS[0]]},
        ),
        refused("1,000,001 bytes", NOTE_ERROR, _largest(1)),
        *(
            refused(why, NOTE_ERROR, {"note": note, "vkeys": [LOG_VKEY]})
            for why, note in lines.items()
        ),
    ]


# --- checkpoints ----------------------------------------------------------------------------------


def checkpoints() -> list[Case]:
    return [
        {
            "text": format_checkpoint(checkpoint),
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "extensions": list(checkpoint.extensions),
        }
        for checkpoint in (
            CHECKPOINT,
            Checkpoint("example.com/behind-the-sofa", 20852163, bytes(range(32))),
            Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT),
            Checkpoint("a name with + and spaces é", 1, LEAF_HASHES[0], ("one", "two")),
            Checkpoint(ORIGIN, 0, LEAF_HASHES[0]),
        )
    ]


def bad_checkpoints() -> list[Case]:
    texts = {
        "empty": "",
        "two lines": f"{ORIGIN}\n11\n",
        "no newline at the end": TEXT[:-1],
        "an empty line at the end": f"{TEXT}\n",
        "no origin": f"\n11\n{ROOT_LINE}\n",
        "an origin of 256 bytes": f"{'o' * 256}\n11\n{ROOT_LINE}\n",
        "an empty extension": f"{TEXT}one\n\ntwo\n",
        "a padded size": f"{ORIGIN}\n011\n{ROOT_LINE}\n",
        "a signed size": f"{ORIGIN}\n+11\n{ROOT_LINE}\n",
        "a negative size": f"{ORIGIN}\n-11\n{ROOT_LINE}\n",
        "a size over 2^63 - 1": f"{ORIGIN}\n9223372036854775808\n{ROOT_LINE}\n",
        "a size in hex": f"{ORIGIN}\n0xb\n{ROOT_LINE}\n",
        "a root of 31 bytes": f"{ORIGIN}\n11\n{encode_base64(bytes(31))}\n",
        "a root in hex": f"{ORIGIN}\n11\n{CHECKPOINT.root.hex()}\n",
        "a root without padding": f"{ORIGIN}\n11\n{ROOT_LINE[:-1]}\n",
        "a space after the root": f"{ORIGIN}\n11\n{ROOT_LINE} \n",
    }
    return [refused(why, NOTE_ERROR, {"text": text}) for why, text in texts.items()]


# --- cosignatures ---------------------------------------------------------------------------------


def cosigned() -> list[Case]:
    first, second = cosign(TEXT, WITNESS1, TIME), cosign(TEXT, WITNESS2, TIMESTAMP_MAX)
    later = cosign(TEXT, WITNESS1, TIME + 1)
    by_first: Case = {"vkey": WITNESS_VKEYS[0], "timestamp": str(TIME)}
    by_first_later: Case = {"vkey": WITNESS_VKEYS[0], "timestamp": str(TIME + 1)}
    by_second: Case = {"vkey": WITNESS_VKEYS[1], "timestamp": str(TIMESTAMP_MAX)}
    cases = [
        (SIGNED, WITNESS_VKEYS, []),
        (SIGNED + first, WITNESS_VKEYS, [by_first]),
        (SIGNED + first + second, WITNESS_VKEYS, [by_first, by_second]),
        (SIGNED + first + second, WITNESS_VKEYS[1:], [by_second]),
        (SIGNED + first + later + first, WITNESS_VKEYS, [by_first_later]),
        (
            SIGNED + first + cosign(TEXT, ALIAS, TIME + 1),
            [*WITNESS_VKEYS, format_vkey(ALIAS.key)],
            [{"vkey": format_vkey(ALIAS.key), "timestamp": str(TIME + 1)}],
        ),
        (TEXT + "\n" + first, WITNESS_VKEYS, [by_first]),
    ]
    return [
        {"note": note, "witness_vkeys": vkeys, "cosigned": expected}
        for note, vkeys, expected in cases
    ]


def bad_cosigned() -> list[Case]:
    good = parse_signatures(cosign(TEXT, WITNESS1, TIME))[0]
    foreign = parse_signatures(cosign(TEXT.replace("\n11\n", "\n12\n"), WITNESS1, TIME))[0]
    bare = WITNESS1.signing_key.sign(TEXT.encode()).signature
    values = {
        "of another checkpoint": foreign.value,
        "another time": (TIME + 1).to_bytes(8, "big") + good.value[8:],
        "a time over 2^63 - 1": (2**63).to_bytes(8, "big") + good.value[8:],
        "no time": good.value[8:],
        "over the text without its header": TIME.to_bytes(8, "big") + bare,
        "a byte too long": good.value + b"\0",
        "a byte too short": good.value[:-1],
    }
    cases = [
        (why, SIGNED + format_signature(Signature(good.name, good.key_id, value)))
        for why, value in values.items()
    ]
    text = sign_note("no checkpoint\n", LOG)
    return [
        refused(why, NOTE_ERROR, {"note": note, "witness_vkeys": WITNESS_VKEYS})
        for why, note in [*cases, ("not a checkpoint", text)]
    ] + [
        refused(
            "a key of a log among those of witnesses",
            NOTE_ERROR,
            {"note": SIGNED, "witness_vkeys": [*WITNESS_VKEYS, LOG_VKEY]},
        )
    ]
