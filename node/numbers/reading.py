"""Open numbers as they are told: one row a month, however long the log is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal

import asyncpg
from pydantic import Field

from node.connections import Reader
from node.http.fields import Model
from node.numbers.figures import HELP_FIGURES, LEDGER_FIGURES

MONTHS_MAX = 24

_Told = Literal["number", "fewer-than-5", "too-few", "later", "nothing"]


class Figure(Model):
    """A number, or why there is none: it is from 1 to 4; it is of too few people or requests to be
    told; it is told a month later; there is nothing that it could be of."""

    value: int | None
    told: _Told


class Position(Model):
    """What a neighbouring circle owed this one when a month was over, in this circle's minor units;
    negative where it was this one that owed."""

    circle: str
    name: str
    address: str
    owed: int


class Month(Model):
    """What a circle did in a month on its wall clock."""

    month: str = Field(description="YYYY-MM")
    trades: Figure
    members: Figure
    requests: Figure
    filled_percent: Figure
    half_minutes: Figure
    most_minutes: Figure
    unfilled: Figure
    helped_minutes: Figure
    neighbours: list[Position]

    @property
    def begins(self) -> date:
        return date.fromisoformat(f"{self.month}-01")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A circle with which there is, or was, an agreement."""

    circle: str
    name: str
    address: str


async def read_rows(connection: Reader) -> list[asyncpg.Record]:
    """The newest months that are over, at most ``MONTHS_MAX``, newest first."""
    return await connection.fetch(
        "SELECT * FROM open_months ORDER BY month DESC LIMIT $1", MONTHS_MAX
    )


def make_month(row: asyncpg.Record, neighbours: dict[int, Neighbour]) -> Month:
    """A month as it is told, with its neighbours in the order of their names."""
    positions = [
        Position(**asdict(neighbours[mirror]), owed=-balance)
        for mirror, balance in zip(row["mirrors"], row["positions"], strict=True)
        if mirror in neighbours
    ]
    figures = (*LEDGER_FIGURES, *HELP_FIGURES)
    return Month(
        month=f"{row['month']:%Y-%m}",
        **{name: _figure(row, name) for name in figures},
        neighbours=sorted(positions, key=lambda each: (each.name, each.circle)),
    )


def _figure(row: asyncpg.Record, name: str) -> Figure:
    value = row[name]
    if value is not None:
        return Figure(value=value, told="number")
    told: _Told = "nothing"
    if name in row["few"]:
        told = "fewer-than-5"
    elif name in row["hidden"]:
        told = "too-few"
    elif name in HELP_FIGURES and not row["settled"]:
        told = "later"
    return Figure(value=None, told=told)
