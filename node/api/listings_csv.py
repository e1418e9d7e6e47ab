"""The directory as CSV (RFC 4180), fit to be opened in a spreadsheet."""

from __future__ import annotations

from datetime import UTC, datetime

from ledger.charter import Rules
from node.directory.listing import Listing
from node.http.csv_cells import csv_line, figure, written

COLUMNS = (
    *("number", "kind", "form", "category", "title", "text", "price", "unit", "cash", "handle"),
    *("name", "place", "metres", "channel", "contact", "vetted", "expires"),
)


def csv_header() -> bytes:
    """The first line."""
    return csv_line(COLUMNS)


def csv_row(listing: Listing, rules: Rules) -> bytes:
    """One line. Prices are in whole units with a decimal point, or in minutes; days in UTC."""
    unit = "minutes" if rules.unit_kind == "minutes" else rules.unit_plural.decode()
    return csv_line(
        (
            str(listing.id),
            listing.kind,
            listing.form,
            listing.category,
            written(listing.title),
            written(listing.text),
            "" if listing.price is None else figure(listing.price, rules.unit_scale),
            written(unit),
            written(listing.cash),
            written(listing.handle),
            written(listing.name),
            written(listing.place),
            "" if listing.metres is None else str(listing.metres),
            listing.channel or "",
            written(listing.contact),
            written(", ".join(listing.vetted)),
            datetime.fromtimestamp(listing.expires // 1000, UTC).date().isoformat(),
        )
    )
