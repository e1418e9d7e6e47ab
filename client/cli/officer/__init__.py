"""``tally officer``: what coordinators do. Each act gives its reason, and both names show."""

from __future__ import annotations

import click

from client.cli.lazy_group import Entry, LazyGroup

_HERE = "client.cli.officer"

SECTIONS = {
    "Members": {
        "people": Entry(f"{_HERE}.people:people", "Everybody in the circle."),
        "invite": Entry(f"{_HERE}.members:invite", "Make an invitation to join."),
        "uninvite": Entry(f"{_HERE}.members:uninvite", "Take an invitation back."),
        "open": Entry(f"{_HERE}.members:open_account", "Open an account for somebody."),
        "close": Entry(f"{_HERE}.accounts:close", "Close an account."),
        "limits": Entry(f"{_HERE}.accounts:limits", "Set how far down and up somebody can go."),
        "holder": Entry(f"{_HERE}.accounts:holder", "Add or remove a holder of an account."),
        "assist": Entry(f"{_HERE}.accounts:assist", "Mark who has no device of their own."),
        "act": Entry(f"{_HERE}.act:act", "Enter a payment from a member's paper slip."),
    },
    "Tokens": {
        "sell": Entry(f"{_HERE}.cash:sell", "Sell tokens for cash."),
        "redeem": Entry(f"{_HERE}.cash:redeem", "Take tokens back for cash."),
        "levy": Entry(f"{_HERE}.levy:levy", "Collect a circle fee."),
        "pay-out": Entry(f"{_HERE}.levy:pay_out", "Pay many out of the circle's own account."),
        "reverse": Entry(f"{_HERE}.cash:reverse", "Undo a line of the books by a new one."),
        "free": Entry(f"{_HERE}.cash:free", "Free who waits for a circle that is away."),
    },
    "Members' devices": {
        "devices": Entry(f"{_HERE}.devices:devices_of", "A member's devices."),
        "enrol": Entry(f"{_HERE}.devices:enrol", "Add a member's new device."),
        "revoke": Entry(f"{_HERE}.devices:revoke", "End a member's device for good."),
        "freeze": Entry(f"{_HERE}.devices:freeze", "Report a member's device lost."),
        "thaw": Entry(f"{_HERE}.devices:thaw", "Let a member's device be used again."),
    },
    "The directory": {
        "category": Entry(f"{_HERE}.directory:category", "Add, name or drop a category."),
        "vet": Entry(f"{_HERE}.directory:vet", "Note that somebody was checked."),
    },
    "Looking after people": {
        "complaints": Entry(f"{_HERE}.complaints:complaints", "What members say is wrong."),
        "concerns": Entry(f"{_HERE}.concerns:concerns", "What members are worried about."),
        "safeguarding": Entry(f"{_HERE}.concerns:safeguarding", "Who reads that."),
        "suspend": Entry(f"{_HERE}.concerns:suspend", "Let nobody be matched with somebody."),
        "unsuspend": Entry(f"{_HERE}.concerns:unsuspend", "Let them be matched again."),
        "duty": Entry(f"{_HERE}.duty:duty", "Who is on duty, the rota, and handing over."),
    },
    "The committee": {
        "officers": Entry(f"{_HERE}.offices:officers", "Who holds which office."),
        "appoint": Entry(f"{_HERE}.offices:appoint", "Give somebody an office."),
        "dismiss": Entry(f"{_HERE}.offices:dismiss", "Take an office from somebody."),
        "amend": Entry(f"{_HERE}.amend:amend", "Change the circle's rules."),
        "cosign": Entry(f"{_HERE}.signing:cosign", "Sign what another officer saved."),
        "send": Entry(f"{_HERE}.signing:send", "Send what was saved, once all signed."),
    },
}


@click.group("officer", cls=LazyGroup, sections=SECTIONS)
def officer() -> None:
    """What coordinators do for the circle.

    What needs several of the committee is saved with --save FILE, signed by the others with
    cosign, then sent. --paper-key signs with the sealed key from the circle's founding too.
    """
