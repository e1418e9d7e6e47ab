"""The pages for people that every node has: what this circle is, how to join it, and to pay."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from html import escape

from ledger.amount import Unit, UnitKind, amount_in_words
from ledger.charter import Rules
from node.circle import Circle
from node.http.page import render_page
from node.http.reply import Reply

_BRIEFLY = {"Cache-Control": "public, max-age=10"}


async def get_front_page(state: Circle) -> Reply:
    """What this circle is, how to join it, and who is responsible: a page for people."""
    rules = state.writer.loaded.state.rules
    head = await state.pool.fetchrow("SELECT size, root, log_time FROM head")
    assert head is not None, "a circle's schema has a head"
    officers = await state.pool.fetch(
        """
        SELECT office, array_agg(handle ORDER BY handle) AS handles
        FROM offices JOIN people USING (person) GROUP BY office
        """
    )
    handles = {row["office"]: row["handles"] for row in officers}
    body = "\n".join(
        [
            *([_REHEARSES] if state.config.behind is not None else []),
            _introduction(rules),
            _joining(rules, handles.get("coordinator", [])),
            _responsible(rules, handles),
            _books(head["size"], head["root"], head["log_time"]),
        ]
    )
    return Reply(render_page(rules.name.decode(), body), headers=_BRIEFLY)


_REHEARSES = (
    "<p><strong>This circle rehearses.</strong> Its clock is not the real one, and nothing in it is"
    " to be relied on.</p>"
)


def _introduction(rules: Rules) -> str:
    unit = _unit(rules)
    counted = (
        "hours and minutes"
        if unit.kind is UnitKind.MINUTES
        else f"{escape(unit.plural)}, in parts as small as {_smallest(unit)}"
        if unit.scale
        else f"whole {escape(unit.plural)}"
    )
    begin = (
        f"Who joins begins with {escape(amount_in_words(rules.starter, unit))}. "
        if rules.starter
        else ""
    )
    below = (
        f"Everybody can have up to {escape(amount_in_words(-rules.floor, unit))} more help than "
        "they have given: somebody has to be first."
        if rules.floor
        else "Nobody can have had more help than they have given, unless the circle agreed to it."
    )
    return (
        "<p>We are neighbours who help each other, and keep count of it here. "
        "Nobody pays interest, and nobody earns any.</p>\n"
        f"<p>We count {counted}. {begin}{below}</p>"
    )


def _unit(rules: Rules) -> Unit:
    return Unit(
        rules.unit_name.decode(),
        rules.unit_plural.decode(),
        UnitKind(rules.unit_kind),
        rules.unit_scale,
    )


def _smallest(unit: Unit) -> str:
    return escape(amount_in_words(1, unit))


def _joining(rules: Rules, coordinators: list[str]) -> str:
    whom = _addresses(rules, coordinators) or "somebody who is in it already"
    return (
        "<h2>Joining</h2>\n"
        f"<p>Ask for an invitation: {whom}. It is a link, or a short code on paper, and is "
        'good once. <a href="/join">What to do with an invitation</a></p>'
    )


def _responsible(rules: Rules, handles: dict[str, list[str]]) -> str:
    rows = [
        f"<dt>{title}</dt><dd>{_addresses(rules, handles[office])}</dd>"
        for office, title in (("coordinator", "Coordinators"), ("auditor", "Auditors"))
        if office in handles
    ]
    listed = f"<dl>{''.join(rows)}</dl>" if rows else "<p>No officer is in place yet.</p>"
    return (
        "<h2>Who is responsible</h2>\n"
        "<p>The coordinators run this circle, and are whom to turn to when something is wrong. "
        f"The auditors check its books.</p>\n{listed}"
    )


def _addresses(rules: Rules, handles: list[str]) -> str:
    return ", ".join(f"{escape(handle)}@{escape(rules.address)}" for handle in handles)


def _books(size: int, root: bytes, log_time: int) -> str:
    when = datetime.fromtimestamp(log_time // 1000, UTC)
    told = f"{when.day} {when:%B %Y} at {when:%H:%M} UTC"
    return (
        "<h2>The books</h2>\n"
        f"<p>Whatever is given or received is a line in books that only grow: "
        f"{size} lines so far, the newest of {told}. The lines name nobody, and anybody can check "
        "that none was changed or taken away.</p>\n"
        "<details><summary>For checking</summary>\n"
        f"<p>Tree hash: <code>{base64.b64encode(root).decode()}</code></p>\n"
        '<p><a href="/checkpoint">The signed head</a>, '
        '<a href="/.well-known/tallystick">the keys</a></p>\n</details>\n'
        '<p><a href="/open">What we do, in numbers</a></p>\n'
        '<p>For programs: <a href="/api/v1/docs">how the API works</a></p>'
    )


async def get_join_page(state: Circle) -> Reply:
    """What to do with an invitation: a page for people.

    The code stands in the link's fragment, which browsers keep to themselves: it is not sent here.
    """
    rules = state.writer.loaded.state.rules
    address = _public_address(state)
    body = (
        "<p>Somebody gave you an invitation: a link to this page that ends in a code, or the code "
        "itself on paper, like <code>abcde-fghjk-mnpqr-stvwx</code>.</p>\n"
        "<h2>With a computer</h2>\n"
        "<p>Install <code>tallystick</code>, then give it the whole link:</p>\n"
        f"<pre>tally join {escape(address)}/join#YOUR-CODE</pre>\n"
        "<p>It asks for a short name and your name, makes a key that stays on your computer, and "
        "you are in.</p>\n"
        "<h2>Without one</h2>\n"
        "<p>A coordinator can open an account for you, and enter your paper slips.</p>\n"
        "<h2>Good to know</h2>\n"
        "<p>An invitation works once, and only for some weeks. Keep it to yourself until you have "
        "used it. The code was not sent to this server by opening the page.</p>\n"
        '<p><a href="/">About this circle</a></p>'
    )
    return Reply(render_page(f"Joining {rules.name.decode()}", body), headers=_BRIEFLY)


async def get_pay_page(state: Circle) -> Reply:
    """What to do with a link that asks for a payment: a page for people.

    Which payment is asked for stands in the link's fragment, which is not sent here, and is shown
    to members only.
    """
    rules = state.writer.loaded.state.rules
    body = (
        f"<p>Somebody in {escape(rules.name.decode())} asks to be paid by you, for something that "
        "they gave or did. What they ask for is named by the end of the link, after the "
        "<code>#</code>.</p>\n"
        "<h2>Paying</h2>\n"
        "<p>You pay with the device with which you joined. Copy the whole link, to its last "
        "character, and give it to the program that you use:</p>\n"
        "<ul>\n"
        "<li>In an app for your phone or browser, where you pay: paste the link there.</li>\n"
        "<li>On a computer with <code>tally</code>:\n"
        f"<pre>tally pay &quot;{escape(_public_address(state))}/pay#REQUEST&quot;</pre></li>\n"
        "</ul>\n"
        "<p><code>tally</code> pays what is asked at once, and then tells you how much it was and "
        "to whom. If you do not know yet, ask whoever sent you the link first.</p>\n"
        "<h2>Not a member, or without a device</h2>\n"
        '<p>Only members can pay. <a href="/join">How to join</a>. If a coordinator enters your '
        "paper slips, write one to whoever asked you.</p>\n"
        "<h2>Good to know</h2>\n"
        "<p>A request is paid once at most, also if several people have the link, and only until "
        "the day that it names. You owe nothing because you were sent one: if you do not know what "
        "it is for, ask whoever sent it, and leave it be. Opening this page paid nothing, and did "
        "not tell this server which request is yours.</p>\n"
        '<p><a href="/">About this circle</a></p>'
    )
    return Reply(render_page(f"A payment request in {rules.name.decode()}", body), headers=_BRIEFLY)


def _public_address(state: Circle) -> str:
    return state.config.public_url or f"https://{state.writer.loaded.state.rules.address}"
