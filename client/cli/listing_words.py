"""What is offered and wanted, in words."""

from __future__ import annotations

from client.cli.words import capital, day, plain, wrap
from client.directory import ListingView
from ledger.amount import Unit, amount_in_words

FORMS = {
    ("offer", "service"): "offers",
    ("offer", "gift"): "gives away",
    ("offer", "loan"): "lends",
    ("offer", "sale"): "sells",
    ("want", "service"): "wants",
    ("want", "gift"): "would like to have",
    ("want", "loan"): "would like to borrow",
    ("want", "sale"): "would like to buy",
}
REACHED = {
    "app": "in the app",
    "email": "by email",
    "sms": "by text message",
    "call": "by telephone",
    "letter": "by letter",
}


def tell_listing(listing: ListingView, unit: Unit) -> str:
    """A listing of somebody's, for whoever looks for one."""
    does = FORMS.get((listing.kind, listing.form), listing.kind)
    who = f"{plain(listing.name)} ({plain(listing.handle)})"
    lines = [f"{listing.id}. {who} {does}: {plain(listing.title)}"]
    if listing.text:
        lines.append(plain(listing.text))
    where = [plain(listing.place)] if listing.place else []
    if listing.metres is not None:
        where.append(f"about {tell_distance(listing.metres)} away")
    lines.append(f"{'; '.join([capital(price_in_words(listing, unit)), *where])}.")
    if listing.contact and listing.channel in REACHED:
        lines.append(f"To be reached {REACHED[listing.channel]}: {plain(listing.contact)}.")
    if listing.vetted:
        lines.append(f"Checked by the circle: {', '.join(map(plain, listing.vetted))}.")
    return "\n".join(
        wrap(line if not place else f"  {line}", "  ") for place, line in enumerate(lines)
    )


def tell_own(listing: ListingView, unit: Unit, now: int) -> str:
    """A listing of one's own: whether it is seen, and until when."""
    kind = "Offered" if listing.kind == "offer" else "Wanted"
    price = price_in_words(listing, unit)
    if listing.expires <= now:
        until = f"ended on {day(listing.expires)}"
    else:
        until = f"until {day(listing.expires)}"
    lines = [f"{listing.id}. {kind}: {plain(listing.title)}; {price}; {until}."]
    if listing.remind <= now:
        again = "It is shown again with" if listing.expires <= now else "It ends soon; keep it with"
        lines.append(f"  {again}: tally offers --renew {listing.id}")
    return "\n".join(wrap(line, "  ") for line in lines)


def price_in_words(listing: ListingView, unit: Unit) -> str:
    """What it costs."""
    match listing.price:
        case None:
            said = "what it costs is to be agreed"
        case 0:
            said = "free"
        case price:
            said = amount_in_words(price, unit)
    return f"{said}, and in cash: {plain(listing.cash)}" if listing.cash else said


def tell_distance(metres: int) -> str:
    """So far, as one says it: 700 m, 1.5 km."""
    if metres < 1000:
        return f"{metres} m"
    whole, part = divmod(metres // 100, 10)
    return f"{whole}.{part} km" if part else f"{whole} km"
