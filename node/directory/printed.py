"""The directory on paper: large type, plain words, and who is responsible for what is in it.

The page stands alone, with its style in it, so that it can be kept as a file and printed anywhere.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from itertools import chain

from ledger.amount import Unit, UnitKind, amount_in_words
from ledger.charter import Rules
from node.directory.listing import Listing

PRINTED_MAX = 2_000
"""Listings in one directory on paper."""

# At least 16 points on paper (the UK Association for Accessible Formats asks for that much), dark
# on white, no listing broken over two pages.
_STYLE = """
html { font-size: 125%; }
body { margin: 0 auto; padding: 1rem; max-width: 42rem; color: #000; background: #fff;
  font-family: Verdana, "DejaVu Sans", sans-serif; line-height: 1.5; overflow-wrap: anywhere; }
h1 { font-size: 2rem; line-height: 1.2; }
h2 { font-size: 1.5rem; margin-top: 2.5rem; padding-top: 1rem; border-top: 3px solid #000; }
h3 { font-size: 1.15rem; margin: 1.8rem 0 0; }
p { margin: 0.2rem 0; }
article { break-inside: avoid; }
a { color: #0b3d6b; }
a:focus { outline: 3px solid #0b3d6b; }
@media print {
  html { font-size: 16pt; }
  body { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  nav { display: none; }
}
"""
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
CONTENT_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing but this style may do anything on the page."""

_FORMS = {
    ("offer", "service"): "Offered",
    ("offer", "gift"): "To give away",
    ("offer", "loan"): "To lend",
    ("offer", "sale"): "For sale",
    ("want", "service"): "Wanted",
    ("want", "gift"): "Wanted, to have",
    ("want", "loan"): "Wanted, to borrow",
    ("want", "sale"): "Wanted, to buy",
}
_REACHED = {
    "app": "in the app",
    "email": "by email",
    "sms": "by text message",
    "call": "by telephone",
    "letter": "by letter",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A category and its listings; not ``is_whole`` where there are more."""

    name: str
    listings: Sequence[Listing]
    is_whole: bool


def render_directory(
    rules: Rules, sections: Sequence[Section], coordinators: Sequence[str], now: int
) -> str:
    """The whole page. ``coordinators`` are their handles, ``now`` is in Unix milliseconds."""
    shown = [(number, each) for number, each in enumerate(sections) if each.listings]
    title = escape(f"What {rules.name.decode()} offers and wants")
    day = datetime.fromtimestamp(now / 1000, UTC)
    contents = "".join(
        f'<li><a href="#c{number}">{escape(each.name)}</a></li>' for number, each in shown
    )
    parts = [
        f"<p>As of {day.day} {day:%B %Y}.</p>",
        f'<nav aria-label="Categories"><ul>{contents}</ul></nav>' if shown else "",
        *(_section(number, each, rules) for number, each in shown),
        "" if shown else "<p>Nobody offers or wants anything yet.</p>",
        _left_out(sections),
        _responsible(rules, coordinators),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n"
        f"</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _section(number: int, section: Section, rules: Rules) -> str:
    listings = "\n".join(_listing(each, rules) for each in section.listings)
    return f'<section>\n<h2 id="c{number}">{escape(section.name)}</h2>\n{listings}\n</section>'


def _listing(listing: Listing, rules: Rules) -> str:
    who = f"{listing.name} ({listing.handle})"
    if listing.place:
        who += f", {listing.place}"
    lines = [f"{_FORMS[listing.kind, listing.form]} by {who}", _price(listing, rules)]
    if listing.contact and listing.channel:
        lines.append(f"To be reached {_REACHED[listing.channel]}: {listing.contact}")
    if listing.vetted:
        lines.append(f"Checked by the circle: {', '.join(listing.vetted)}")
    until = datetime.fromtimestamp(listing.expires / 1000, UTC)
    lines.append(f"Until {until.day} {until:%B %Y}. Number {listing.id}")
    written = [line for line in listing.text.split("\n") if line.strip()]
    told = "".join(f"<p>{escape(line)}</p>" for line in chain(written, lines) if line)
    return f"<article>\n<h3>{escape(listing.title)}</h3>\n{told}\n</article>"


def _price(listing: Listing, rules: Rules) -> str:
    """What it costs, in words; nothing where that is to be agreed and no cash is named."""
    unit = Unit(
        rules.unit_name.decode(),
        rules.unit_plural.decode(),
        UnitKind(rules.unit_kind),
        rules.unit_scale,
    )
    match listing.price:
        case None:
            said = "What it costs is to be agreed"
        case 0:
            said = "Free"
        case price:
            said = amount_in_words(price, unit)
    return f"{said[:1].upper()}{said[1:]}" + (f", and in cash: {listing.cash}" * bool(listing.cash))


def _left_out(sections: Sequence[Section]) -> str:
    names = [escape(each.name) for each in sections if not each.is_whole]
    if not names:
        return ""
    return (
        f"<p>There is more than fits here, up to {PRINTED_MAX:,} of them; older ones are left out "
        f"of: {', '.join(names)}.</p>"
    )


def _responsible(rules: Rules, coordinators: Sequence[str]) -> str:
    addresses = [f"{escape(handle)}@{escape(rules.address)}" for handle in coordinators]
    whom = ", ".join(addresses) or "whoever runs the circle"
    return (
        "<section>\n<h2>Who is responsible</h2>\n"
        "<p>Members write what they offer and want themselves, and answer for it. "
        f"The coordinators look after the directory: {whom}.</p>\n"
        "<p>If something in it is wrong, or should not be there, tell a coordinator its number. "
        "Whoever wrote it is not told who complained.</p>\n</section>"
    )
