"""Signed notes (C2SP signed-note): text that one or more named keys have signed.

::

    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK[...]

A key is known by its *vkey*, ``name+hex(key id)+base64(type || public key)``. Nothing in a note may
be believed before ``open_note`` returned it. A note goes in as ``str``, or as the ``bytes`` that
came over the network; everything wrong with one is InvalidNote.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from ledger.errors import InvalidNote

NOTE_BYTES_MAX = 1_000_000
"""As in Go's sumdb/note and torchwood; the spec asks for some limit."""

SIGNATURES_MAX = 100
"""Signature lines in one note; the spec asks for at least 16."""

KEY_NAME_BYTES_MAX = 255
"""Names of the keys we use; tlog-cosignature has no room for longer ones."""

ED25519 = 0x01
"""Signature type: Ed25519 over the note text."""

COSIGNATURE_V1 = 0x04
"""Signature type: timestamped Ed25519 over a checkpoint (C2SP tlog-cosignature)."""

_FORBIDDEN_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name: what ``format_vkey`` writes. InvalidNote if malformed."""

    name: str
    signature_type: int
    public_key: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise InvalidNote(
                f"{self.name!r:.80} is not a key name: 1 to {KEY_NAME_BYTES_MAX} bytes without "
                "spaces, plus or controls"
            )
        if self.signature_type not in (ED25519, COSIGNATURE_V1):
            raise InvalidNote(
                f"key {self.name} has signature type {self.signature_type:#04x}; "
                f"supported are {ED25519:#04x} and {COSIGNATURE_V1:#04x}"
            )
        if len(self.public_key) != 32:
            raise InvalidNote(f"key {self.name} has {len(self.public_key)} bytes, not 32")

    @property
    def key_id(self) -> bytes:
        """Four bytes: SHA-256(name || 0x0a || type || public key)[:4]."""
        material = bytes([self.signature_type]) + self.public_key
        return hashlib.sha256(self.name.encode() + b"\n" + material).digest()[:4]


def is_key_name(name: str) -> bool:
    """Whether it has 1 to 255 bytes, and no Unicode space, plus, control or surrogate."""
    if not name or "+" in name or _FORBIDDEN_CONTROL.search(name) or not _is_unicode(name):
        return False
    return len(name.encode()) <= KEY_NAME_BYTES_MAX and not any(
        character.isspace() for character in name
    )


def parse_vkey(text: str) -> VerifierKey:
    """A key from ``name+hex+base64``; InvalidNote unless this is exactly how it is written."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise InvalidNote("a verifier key is name+hex(key id)+base64(type and public key)")
    material = decode_base64(parts[2])
    if not material:
        raise InvalidNote(f"the verifier key {parts[0]!r:.80} is empty")
    key = VerifierKey(parts[0], material[0], material[1:])
    if format_vkey(key) != text:
        raise InvalidNote(f"the key id of {key.name} should be {key.key_id.hex()}")
    return key


def format_vkey(key: VerifierKey) -> str:
    material = bytes([key.signature_type]) + key.public_key
    return f"{key.name}+{key.key_id.hex()}+{encode_base64(material)}"


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name; made by ``make_signer``."""

    key: VerifierKey
    signing_key: SigningKey = field(repr=False)


def make_signer(name: str, secret: bytes | SigningKey, signature_type: int = ED25519) -> Signer:
    """A signer from a 32-byte Ed25519 seed or a PyNaCl key. InvalidNote for a bad name."""
    signing_key = secret if isinstance(secret, SigningKey) else SigningKey(secret)
    return Signer(VerifierKey(name, signature_type, bytes(signing_key.verify_key)), signing_key)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, the key id (4 bytes), the signature."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note, verified or not: a text ending in a newline, and one or more signatures."""

    text: str
    signatures: tuple[Signature, ...]


def format_signature(signature: Signature) -> str:
    """The signature's line, with its newline."""
    return f"— {signature.name} {encode_base64(signature.key_id + signature.value)}\n"


def format_note(note: Note) -> str:
    return f"{note.text}\n{''.join(map(format_signature, note.signatures))}"


def parse_note(data: str | bytes) -> Note:
    """Take a note apart without verifying anything. InvalidNote unless it is well-formed."""
    note = decode_text(data, NOTE_BYTES_MAX)
    # The last empty line divides, since the text may contain empty lines of its own.
    divide = note.rfind("\n\n")
    if divide < 0:
        raise InvalidNote("a note needs an empty line between its text and its signatures")
    text, block = note[: divide + 1], note[divide + 2 :]
    if not block.endswith("\n"):
        raise InvalidNote("a note must end in a newline after its last signature")
    return Note(text, parse_signatures(block))


def parse_signatures(block: str) -> tuple[Signature, ...]:
    """Signature lines, each with its newline, as after a note's text or in a witness's answer."""
    if not block.endswith("\n"):
        raise InvalidNote("a signature line must end in a newline")
    if block.count("\n") > SIGNATURES_MAX:
        raise InvalidNote(
            f"a note may have {SIGNATURES_MAX} signatures, not {block.count(chr(10))}"
        )
    signatures = []
    for line in block[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash != "—" or not is_key_name(name):
            raise InvalidNote(f"{line!r:.80} is not a signature line")
        blob = decode_base64(encoded)
        if len(blob) < 5:
            raise InvalidNote(
                f"the signature of {name!r:.80} is shorter than its key id and 1 byte"
            )
        signatures.append(Signature(name, blob[:4], blob[4:]))
    return tuple(signatures)


def sign_note(text: str, *signers: Signer) -> str:
    """The note of ``text`` signed by Ed25519 keys, in the order given."""
    decode_text(text, NOTE_BYTES_MAX)
    if not text.endswith("\n"):
        raise InvalidNote("the text of a note must end in a newline")
    assert signers, "a note needs a signature"
    return f"{text}\n{''.join(_sign(text, signer) for signer in signers)}"


def _sign(text: str, signer: Signer) -> str:
    assert signer.key.signature_type == ED25519, "cosigners sign with cosignature.cosign"
    value = signer.signing_key.sign(text.encode()).signature
    return format_signature(Signature(signer.key.name, signer.key.key_id, value))


def open_note(
    data: str | bytes, keys: Iterable[VerifierKey]
) -> tuple[Note, tuple[VerifierKey, ...]]:
    """The note and those of ``keys`` (all of type ED25519) that signed it, at least one.

    Lines of unknown keys are ignored. Every line of a known key is verified, repeated or not, and
    one that fails condemns the note (C2SP signed-note, "Signatures"). Raises InvalidNote.
    """
    known = known_keys(keys, ED25519)
    note = parse_note(data)
    signed: dict[VerifierKey, None] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        if not is_signature(key.public_key, note.text.encode(), signature.value):
            raise InvalidNote(f"the signature of {key.name} does not verify")
        signed[key] = None
    if not signed:
        names = ", ".join(sorted(name for name, _ in known)) or "nobody"
        raise InvalidNote(f"the note has no signature of {names}")
    return note, tuple(signed)


def known_keys(
    keys: Iterable[VerifierKey], signature_type: int
) -> dict[tuple[str, bytes], VerifierKey]:
    """The keys by name and key id. InvalidNote for one of another type, or two that collide."""
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if key.signature_type != signature_type:
            raise InvalidNote(
                f"key {key.name} is of signature type {key.signature_type:#04x}, "
                f"where {signature_type:#04x} is needed"
            )
        if known.setdefault((key.name, key.key_id), key) != key:
            raise InvalidNote(f"two keys are named {key.name} with key id {key.key_id.hex()}")
    return known


def is_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether it is the key's Ed25519 signature, as libsodium decides."""
    try:
        VerifyKey(public_key).verify(message, signature)
    except CryptoError:
        # A bad signature and one of a wrong length are different errors under this one.
        return False
    return True


# --- the encodings all C2SP formats share ---------------------------------------------------------


def decode_text(data: str | bytes, bytes_max: int) -> str:
    """The text, if it is valid UTF-8 without control characters other than newline."""
    if isinstance(data, str):
        if not _is_unicode(data):
            raise InvalidNote("the text has a lone surrogate, which UTF-8 cannot carry")
        text, size = data, len(data.encode())
    else:
        try:
            text, size = data.decode(), len(data)
        except UnicodeDecodeError as error:
            raise InvalidNote(f"the text is not UTF-8 at byte {error.start}") from None
    if size > bytes_max:
        raise InvalidNote(f"the text is {size} bytes, more than {bytes_max}")
    control = _FORBIDDEN_CONTROL.search(text)
    if control:
        raise InvalidNote(
            f"the text has the control character {ord(control[0]):#04x} at {control.start()}"
        )
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """The bytes of standard base64; InvalidNote unless it is exactly how they are written."""
    try:
        data = binascii.a2b_base64(text)
    except ValueError:  # of which binascii.Error is one, and non-ASCII text another
        data = None
    # Reformatting refuses what the decoder forgives: stray characters, loose bits, no padding.
    if data is None or encode_base64(data) != text:
        raise InvalidNote(f"{text!r:.80} is not base64")
    return data


def decode_hash(text: str) -> bytes:
    """A hash of 32 bytes written in base64."""
    data = decode_base64(text)
    if len(data) != 32:
        raise InvalidNote(f"{text!r:.80} is {len(data)} bytes, not a hash of 32")
    return data


def parse_decimal(text: str, maximum: int) -> int:
    """An ASCII decimal from 0 to ``maximum`` without leading zeroes or sign."""
    # The length first: decimal digits without end are slow to convert.
    if len(text) <= len(str(maximum)) and text.isascii() and text.isdecimal():
        value = int(text)
        if str(value) == text and value <= maximum:
            return value
    raise InvalidNote(f"{text!r:.80} is not a decimal from 0 to {maximum} without leading zeroes")
