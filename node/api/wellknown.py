"""What the circle is, for whoever asks first; and whether the node is well."""

from __future__ import annotations

from importlib.metadata import version
from typing import Literal

from pydantic import Field

from ledger.codec import to_base64url
from ledger.note import format_vkey
from node.api.orders import Base64, Model
from node.circle import Circle
from node.clock import wall_clock
from node.http.reply import Reply

SOURCE = "https://github.com/tallystick/tallystick"
PROTOCOL_VERSIONS = [1]


class UnitDescription(Model):
    """The unit of a circle: decimal with a scale, or minutes."""

    name: str
    plural: str
    kind: str
    scale: int


class WorkingKeys(Model):
    """Public keys, hexadecimal; the identity key certifies the others."""

    identity: str
    log: str
    witness: str
    link: str
    decision: str


class RulesDescription(Model):
    """The charter's rules as they are now. Amounts in minor units, times in milliseconds."""

    threshold: int
    credit_limit_max: int
    credit_total_max: int
    treasury_floor: int
    community_floor: int
    floor: int
    ceiling: int
    starter: int
    assisted_cap: int
    device_cap: int
    device_wait: int


class Software(Model):
    """What runs here."""

    name: str
    version: str


class WitnessDescription(Model):
    """A neighbour that cosigns the heads of this log, by its verifier key."""

    name: str
    key: str


class CircleDescription(Model):
    """The circle, its keys and its log. ``circle`` is the id, hexadecimal."""

    circle: str
    name: str
    address: str
    origin: str
    epoch: int
    url: str | None
    log_key: str = Field(description="verifier key of the log (c2sp.org/signed-note)")
    witnesses: list[WitnessDescription]
    keys: WorkingKeys
    certificate: Base64
    certificate_signature: Base64
    unit: UnitDescription
    rules: RulesDescription
    protocol_versions: list[int]
    software: Software
    source: str
    rehearsal: int | None = Field(
        description="by how many milliseconds the clock is behind, for this is no real circle"
    )


async def get_circle(state: Circle) -> CircleDescription:
    """What this circle is: its id, name, address, log, keys, unit and rules."""
    loaded = state.writer.loaded
    rules, certificate = loaded.state.rules, loaded.certificate
    return CircleDescription(
        circle=certificate.circle.hex(),
        name=rules.name.decode(),
        address=rules.address,
        origin=certificate.origin,
        epoch=certificate.epoch,
        url=state.config.public_url,
        log_key=format_vkey(loaded.log_key),
        witnesses=[
            WitnessDescription(name=witness.title, key=format_vkey(witness.key))
            for witness in state.cosigner.witnesses
        ],
        keys=WorkingKeys(
            identity=loaded.charter.identity.hex(),
            log=certificate.log.hex(),
            witness=certificate.witness.hex(),
            link=certificate.link.hex(),
            decision=certificate.decision.hex(),
        ),
        certificate=to_base64url(loaded.charter.certificate),
        certificate_signature=to_base64url(loaded.charter.signature),
        unit=UnitDescription(
            name=rules.unit_name.decode(),
            plural=rules.unit_plural.decode(),
            kind=rules.unit_kind,
            scale=rules.unit_scale,
        ),
        rules=RulesDescription(
            **{name: getattr(rules, name) for name in RulesDescription.model_fields}
        ),
        protocol_versions=PROTOCOL_VERSIONS,
        software=Software(name="tallystick", version=version("tallystick")),
        source=SOURCE,
        rehearsal=(None if state.config.behind is None else max(0, wall_clock() - state.clock())),
    )


class Health(Model):
    """Whether the node takes orders, and how long its log is. ``reason`` says why it does not."""

    status: Literal["ok", "frozen"]
    size: int
    waiting: int
    reason: str | None = None


async def get_health(state: Circle) -> Reply:
    """Whether the node is well: "ok", or "frozen" with status 503 when it only reads."""
    writer = state.writer
    reason = writer.frozen
    if reason is None and not writer.clock.is_believed(writer.loaded.state.log_time):
        reason = "its clock jumped; set it right"
    health = Health(
        status="ok" if reason is None else "frozen",
        size=writer.loaded.head.size,
        waiting=writer.waiting,
        reason=reason,
    )
    return Reply(health.model_dump_json(), status=None if reason is None else 503)
