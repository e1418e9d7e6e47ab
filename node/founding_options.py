"""The flags of ``tallyd init``, and the charter's rules that they come to."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.amount import Unit, UnitKind, parse_amount
from ledger.charter import Rules, decode_rules, encode_rules

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class FoundingOptions:
    """What a volunteer may choose; amounts as people write them, in the circle's unit."""

    name: str
    address: str
    unit: str = "token"
    units: str = ""
    minutes: bool = False
    scale: int = 2
    committee: int = 1
    credit_limit: str = "20"
    ceiling: str = "500"
    starter: str = "5"
    credit_limit_max: str = "100"
    credit_total_max: str = "100000"
    treasury_limit: str = "1000000"
    community_limit: str = "100000"
    assisted_cap: str = "20"
    device_cap: str = "20"
    device_wait_days: int = 3

    def rules(self) -> Rules:
        """The charter's rules. Raises InvalidAmount, MalformedObject."""
        kind = UnitKind.MINUTES if self.minutes else UnitKind.DECIMAL
        scale = 0 if self.minutes else self.scale
        unit = Unit(self.unit, self.units or f"{self.unit}s", kind, scale)

        def amount(text: str) -> int:
            return parse_amount(text, unit)

        rules = Rules(
            name=self.name.encode(),
            address=self.address,
            unit_name=unit.name.encode(),
            unit_plural=unit.plural.encode(),
            unit_kind=unit.kind.value,
            unit_scale=unit.scale,
            threshold=self.committee,
            credit_limit_max=amount(self.credit_limit_max),
            credit_total_max=amount(self.credit_total_max),
            treasury_floor=-amount(self.treasury_limit),
            community_floor=-amount(self.community_limit),
            floor=-amount(self.credit_limit),
            ceiling=amount(self.ceiling),
            starter=amount(self.starter),
            assisted_cap=amount(self.assisted_cap),
            device_cap=amount(self.device_cap),
            device_wait=self.device_wait_days * DAY_MS,
        )
        return decode_rules(encode_rules(rules))
