"""What a circle says of itself at ``/.well-known/tallystick``, and what of it is proved.

The circle's identity key, whose hash is the circle's id, certifies the origin and the log key; the
rest is the node's word until the log says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from client.address import ADDRESS_CHARACTERS_MAX, parse_node_url
from client.errors import AnswerInvalid, CircleChanged, InvalidAddress
from client.json_fields import Fields
from client.neighbours import NEIGHBOURS_MAX, VKEY_MAX, Neighbour, parse_neighbour
from client.records import PinnedCircle
from ledger.amount import Unit, UnitKind
from ledger.charter import Certificate, Rules, encode_rules, open_certificate
from ledger.errors import InvalidAmount, InvalidNote, InvalidSignature, MalformedObject
from ledger.note import ED25519, VerifierKey, format_vkey, is_key_name

PROTOCOL_VERSION = 1


@dataclass(frozen=True, slots=True)
class CircleInfo:
    """A circle as its node describes it; ``certificate`` is verified.

    ``rules`` are those that apply now. ``url`` is the address for everybody, None where the node
    names none that a device would go to. ``software`` is the node's name and version of itself,
    ``source`` where its code is. ``neighbours`` are the witnesses of its log.
    """

    name: str
    certificate: Certificate
    log_vkey: str
    unit: Unit
    rules: Rules
    url: str | None
    software: str
    source: str
    neighbours: tuple[Neighbour, ...]

    def pinned(self, node_url: str) -> PinnedCircle:
        """What a device keeps of it when it joins at ``node_url``."""
        return PinnedCircle(
            circle_id=self.certificate.circle,
            name=self.name,
            unit=self.unit,
            node_url=node_url,
            origin=self.certificate.origin,
            log_vkey=self.log_vkey,
        )


def read_circle_info(info: Fields) -> CircleInfo:
    """Parse the document and verify its certificate. Raises AnswerInvalid, CircleChanged."""
    if PROTOCOL_VERSION not in info.integers("protocol_versions", 100):
        raise AnswerInvalid("speaks another version of the protocol, so this program is too old")
    identity = info.fields("keys").hexadecimal("identity", 32)
    try:
        certificate = open_certificate(
            info.binary("certificate"), info.binary("certificate_signature"), identity
        )
        if not is_key_name(certificate.origin):
            raise AnswerInvalid("has an origin that no log can have")
        log_vkey = format_vkey(VerifierKey(certificate.origin, ED25519, certificate.log))
    except (MalformedObject, InvalidSignature, InvalidNote) as error:
        raise CircleChanged(str(error).rstrip(".")) from None
    claimed = (info.hexadecimal("circle", 32), info.text("origin", 255), info.text("log_key", 600))
    if claimed != (certificate.circle, certificate.origin, log_vkey):
        raise CircleChanged("its certificate is of another circle, origin or log key")
    software, unit = info.fields("software"), read_unit(info.fields("unit"))
    return CircleInfo(
        name=_line(info, "name", 200),
        certificate=certificate,
        log_vkey=log_vkey,
        unit=unit,
        rules=_read_rules(info, unit),
        url=_read_url(info),
        software=f"{_line(software, 'name', 100)} {_line(software, 'version', 100)}",
        source=_line(info, "source", 500),
        neighbours=_read_neighbours(info),
    )


def _line(fields: Fields, name: str, characters_max: int) -> str:
    line = fields.text(name, characters_max)
    if not line.isprintable():
        raise AnswerInvalid(f"has characters that do not print in {name} of {fields.what}")
    return line


def _read_url(info: Fields) -> str | None:
    """The public address. One that no device would go to is as good as none."""
    url = info.optional("url", lambda name: info.text(name, ADDRESS_CHARACTERS_MAX))
    try:
        return None if url is None else parse_node_url(url)
    except InvalidAddress:
        return None


def _read_neighbours(info: Fields) -> tuple[Neighbour, ...]:
    def read(witness: Fields) -> Neighbour:
        try:
            return parse_neighbour(_line(witness, "name", 200), _line(witness, "key", VKEY_MAX))
        except InvalidNote as error:
            raise AnswerInvalid(f"has a witness without a key: {error}") from None

    neighbours = info.objects("witnesses", NEIGHBOURS_MAX, read)
    if len({each.key.name for each in neighbours}) < len(neighbours):
        raise AnswerInvalid("has two witnesses of one name")
    return neighbours


def read_unit(unit: Fields) -> Unit:
    """A unit as a node describes it. Raises AnswerInvalid."""
    try:
        return Unit(
            unit.text("name", 40),
            unit.text("plural", 40),
            UnitKind(unit.text("kind", 40)),
            unit.integer("scale", 0, 9),
        )
    except (InvalidAmount, ValueError):
        raise AnswerInvalid("has a unit in which nothing can be counted") from None


def _read_rules(info: Fields, unit: Unit) -> Rules:
    """The charter's rules; its names, address and unit stand beside them in the document."""
    numbers = info.fields("rules")
    named = {
        "name": _line(info, "name", 200).encode(),
        "address": _line(info, "address", 253),
        "unit_name": unit.name.encode(),
        "unit_plural": unit.plural.encode(),
        "unit_kind": unit.kind.value,
        "unit_scale": unit.scale,
    }
    values = [named[name] if name in named else numbers.amount(name) for name in Rules._fields]
    rules = Rules._make(values)
    try:
        encode_rules(rules)
    except MalformedObject as error:
        raise AnswerInvalid(f"has rules that no charter can have: {error}") from None
    return rules


def check_pinned(info: CircleInfo, pinned: PinnedCircle) -> None:
    """Raise CircleChanged unless the node still speaks for the circle that was joined."""
    if info.certificate.circle != pinned.circle_id:
        raise CircleChanged("another circle answers at its address")
    if (info.certificate.origin, info.log_vkey) != (pinned.origin, pinned.log_vkey):
        raise CircleChanged("its books were begun anew, or are signed by another key")
    if (info.unit.kind, info.unit.scale) != (pinned.unit.kind, pinned.unit.scale):
        raise CircleChanged("it counts in another unit")
