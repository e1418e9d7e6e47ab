"""The flags of ``tallyd init``, and the charter's rules that they come to."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.amount import Unit, UnitKind, parse_amount
from ledger.characters import is_printable
from ledger.charter import Rules, decode_rules, encode_rules
from ledger.errors import InvalidAmount, MalformedObject
from node.errors import FoundingRefused

DAY_MS = 24 * 3600 * 1000
NAME_BYTES_MAX = 200
COMMITTEE_MAX = 16
WAIT_DAYS_MAX = 90


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
        """The charter's rules. Raises FoundingRefused."""
        self._check_words()
        unit = self._unit()

        def amount(option: str) -> int:
            try:
                return parse_amount(getattr(self, option), unit)
            except InvalidAmount as error:
                raise FoundingRefused(_flag(option), _because(error)) from None

        rules = Rules(
            name=self.name.encode(),
            address=self.address,
            unit_name=unit.name.encode(),
            unit_plural=unit.plural.encode(),
            unit_kind=unit.kind.value,
            unit_scale=unit.scale,
            threshold=self.committee,
            credit_limit_max=amount("credit_limit_max"),
            credit_total_max=amount("credit_total_max"),
            treasury_floor=-amount("treasury_limit"),
            community_floor=-amount("community_limit"),
            floor=-amount("credit_limit"),
            ceiling=amount("ceiling"),
            starter=amount("starter"),
            assisted_cap=amount("assisted_cap"),
            device_cap=amount("device_cap"),
            device_wait=self.device_wait_days * DAY_MS,
        )
        _check_together(rules)
        try:
            return decode_rules(encode_rules(rules))
        except MalformedObject:  # nothing else is left that could be wrong
            raise FoundingRefused(
                "--address", f"cannot be {self.address[:60]!r}: write a host such as circle.example"
            ) from None

    def _check_words(self) -> None:
        if not self.name.strip():
            raise FoundingRefused("--name", "is empty: write what your circle is called")
        if len(self.name.encode()) > NAME_BYTES_MAX:
            raise FoundingRefused("--name", f"is longer than {NAME_BYTES_MAX} letters")
        if not is_printable(self.name):
            raise FoundingRefused("--name", "has characters that do not print")
        if not 1 <= self.committee <= COMMITTEE_MAX:
            raise FoundingRefused("--committee", f"has to be a number from 1 to {COMMITTEE_MAX}")
        if not 0 <= self.device_wait_days <= WAIT_DAYS_MAX:
            raise FoundingRefused(
                "--device-wait-days", f"has to be a number from 0 to {WAIT_DAYS_MAX}"
            )

    def _unit(self) -> Unit:
        kind = UnitKind.MINUTES if self.minutes else UnitKind.DECIMAL
        scale = 0 if self.minutes else self.scale
        try:
            return Unit(self.unit, self.units or f"{self.unit}s", kind, scale)
        except InvalidAmount as error:
            raise FoundingRefused("The unit", _because(error)) from None


def _check_together(rules: Rules) -> None:
    if rules.starter > rules.ceiling:
        raise FoundingRefused("--starter", "is more than --ceiling")
    if -rules.floor > rules.credit_limit_max:
        raise FoundingRefused("--credit-limit", "is more than --credit-limit-max")


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _because(error: InvalidAmount) -> str:
    return f"cannot be taken: {str(error).rstrip('.')}"
