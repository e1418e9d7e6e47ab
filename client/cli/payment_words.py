"""Payments into other circles in members' words: what they cost, where they are, how they ended."""

from __future__ import annotations

from decimal import Decimal

from client.cli.words import amount, capital, plain
from ledger.amount import Unit, UnitKind

_CAME_BACK = {
    "suspended": "a circle on the way takes no new payments at the moment",
    "unheard": "a circle on the way had only just started; try again in a minute",
    "limit": "an agreement on the way had no room for as much at the moment",
    "expired": "it did not get there in time",
    "seen": "it came by there before",
    "value": "it was less there than it had to be, as the rate changed meanwhile",
    "route": "there was no way on to {circle}",
    "sealed": "what was sent with it was not what was signed",
    "payee": "{circle} has nobody called {who} who can take as much now",
    "given-up": "a circle on the way let it go",
}
"""Why the last circle that had it let it go (``ledger.federation.message.REASONS``)."""


def there(minor: int, unit: Unit | None, circle: str) -> str:
    """An amount in the other circle's unit, or in words where that is not known."""
    if unit is None:
        return f"{minor} of the smallest units of {plain(circle)}"
    return amount(minor, unit)


def tell_offer(
    who: str,
    circle: str,
    arrives: str,
    costs: str,
    rounded: str | None,
    most: str | None,
    text: str | None,
) -> str:
    """What somebody reads before they sign."""
    told = [f"You pay {who} in {plain(circle)}.", f"  {capital(arrives)} will arrive."]
    told.append(f"  It costs you {costs}.")
    if rounded is not None:
        told.append(f"  {rounded}")
    if most is not None:
        told.append(f"  Set aside until it is there: {most}; what is left over comes back to you.")
    if text:
        told.append(f"  For: {plain(text)}")
    return "\n".join(told)


def tell_rounding(cost: int, millionths: int, unit: Unit) -> str | None:
    """What of ``cost`` is lost, as the circles cannot count any finer; None where nothing is."""
    if not millionths:
        return None
    if millionths <= 10**6 and cost > 100:
        return f"Less than {amount(1, unit)} of that is lost by rounding."
    lost = Decimal(millionths).scaleb(-6)
    return (
        f"At the agreed rate it is worth {_exactly(cost - lost, unit)}; the other"
        f" {_exactly(lost, unit)} are lost by rounding."
    )


def _exactly(minor: Decimal, unit: Unit) -> str:
    """Two decimals more than can be paid."""
    name = "minutes" if unit.kind is UnitKind.MINUTES else unit.plural
    value = round(minor.scaleb(-unit.scale), unit.scale + 2).normalize()
    return f"{value:f} {name}"


def tell_return(reason: str | None, circle: str, who: str) -> str:
    """Why a payment came back, as half a sentence."""
    handle = who.partition("@")[0]
    words = _CAME_BACK.get(reason or "", "the other circle did not take it")
    return words.format(circle=plain(circle), who=plain(handle))
