"""The figures that are aimed at, as a table for people and as one line of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure's key, what it says, and the bound it should keep: at least, or at most."""

    key: str
    what: str
    bound: float
    at_least: bool

    def is_met(self, figure: float) -> bool:
        return figure >= self.bound if self.at_least else figure <= self.bound


AIMS = (
    Aim(
        "lists_over_verify2",
        "transfers/s in lists of 100, over verifications/s on two threads",
        0.32,
        True,
    ),
    Aim(
        "cpu_over_verify",
        "processor time of node and PostgreSQL a transfer, over that of one verification",
        2.5,
        False,
    ),
    Aim(
        "singles_over_plain",
        "single transfers/s on 64 connections, over plain at its best",
        1.8,
        True,
    ),
    Aim("singles_p99_over_median", "their 99th percentile, over their median", 4.0, False),
    Aim("rate_growth", "transfers/s in the large log, over those in the small", 0.9, True),
    Aim("memory_growth", "the node's memory likewise", 1.2, False),
    Aim(
        "check_over_verify1",
        "entries/s of tallyd check, over one thread's verifications",
        0.5,
        True,
    ),
    Aim(
        "read_growth",
        "99th percentile of a statement's page and of a proof, in the large log over the small",
        1.5,
        False,
    ),
    Aim(
        "payments_over_singles",
        "payments between circles, over single transfers, a second of processor time",
        0.25,
        True,
    ),
    Aim("clearing_over_solver", "seconds of clearing, over the solver's own", 3.0, False),
    Aim(
        "gossip_rounds_10",
        "gossip of 10 circles: 99th percentile of rounds, over 1.3 (log3 n + log2 ln n) + 1",
        1.0,
        False,
    ),
    Aim("gossip_rounds_100", "the same of 100", 1.0, False),
    Aim("gossip_rounds_1000", "the same of 1,000", 1.0, False),
    Aim("gossip_idle_bytes", "bytes of an exchange with nothing to say", 200.0, False),
    Aim(
        "gossip_update_bytes",
        "bytes that carry an update, over its own, when all circles issue one",
        2.0,
        False,
    ),
    Aim(
        "search_growth",
        "99th percentile of a search by words, in 1,000,000 listings over 10,000",
        3.0,
        False,
    ),
    Aim(
        "filled_over_best", "requests filled, over what an all-knowing assignment fills", 0.95, True
    ),
    Aim(
        "in_time_today",
        "agreed within half the notice over what it could: for the same day",
        0.7,
        True,
    ),
    Aim("in_time_week", "the same, for the week", 0.9, True),
    Aim("in_time_flexible", "the same, for later", 0.98, True),
    Aim(
        "gini_over_others",
        "Gini of hours helped over hours offered, over the better of two other policies",
        1.0,
        False,
    ),
    Aim(
        "unasked_over_nearest",
        "eligible helpers unasked for 28 days, over those of the nearest first",
        1.0,
        False,
    ),
    Aim("asks_a_filled", "asks a filled request", 3.0, False),
    Aim(
        "phone_over_app",
        "filled of what can be, for those who phone over those who do not",
        0.95,
        True,
    ),
    Aim("vetted_over_others", "the same, where vetting is needed over where it is not", 0.95, True),
    Aim("ranking_growth", "ranking among 100,000 helpers over 1,000 as dense", 1.5, False),
    Aim("ranking_over_row", "the same over reading one row, through the API", 8.0, False),
    Aim("client_mb", "the installed light client, MB with dependencies and bytecode", 25.0, False),
)


def table(figures: Mapping[str, float]) -> str:
    """What was measured: what, figure, aim, and whether it is met."""
    rows = [("what", "figure", "aim", "met")]
    for aim in AIMS:
        if aim.key in figures:
            figure = figures[aim.key]
            sign = ">=" if aim.at_least else "<="
            met = "yes" if aim.is_met(figure) else "no"
            rows.append((aim.what, f"{figure:.3g}", f"{sign} {aim.bound:g}", met))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{what:{widths[0]}}  {figure:>{widths[1]}}  {aim:>{widths[2]}}  {met}"
        for what, figure, aim, met in rows
    ]
    return "\n".join(lines)
