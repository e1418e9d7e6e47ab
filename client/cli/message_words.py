"""Notices, messages and calls to make, in words."""

from __future__ import annotations

from client.cli.listing_words import REACHED
from client.cli.words import moment, plain, wrap
from client.messages import HoursView, MessageView, NoticeView, ThreadView
from client.ring_list import ErrandView


def tell_notice(notice: NoticeView) -> str:
    """What the circle told."""
    return wrap(f"{moment(notice.made)}: {plain(notice.words)}", "  ")


def tell_about(thread: ThreadView) -> str:
    """What a thread is about."""
    kind, _, number = thread.about.partition("/")
    return f"{plain(thread.title) or plain(kind)} (no. {plain(number)})"


def tell_thread(thread: ThreadView) -> str:
    """A thread whose messages are not shown, in a line."""
    state = f"{thread.unread} new" if thread.unread else "read"
    return wrap(
        f"{plain(thread.name)} ({plain(thread.handle)}), about {tell_about(thread)}: {state}; "
        f"tally messages with {plain(thread.handle)} shows it.",
        "  ",
    )


def tell_message(message: MessageView, thread: ThreadView, own: int) -> str:
    """A message, with its number for a complaint where it is another's."""
    who = "you" if message.author == own else plain(thread.name)
    by = f" (entered by {plain(message.entered_by)})" if message.entered_by else ""
    number = "" if message.author == own else f" [{message.number}]"
    return wrap(f"  {moment(message.made)}, {who}{by}{number}: {plain(message.words)}", "    ")


def tell_hours(hours: HoursView, channel: str | None) -> str:
    """When somebody wishes to be told."""
    told = "At any hour."
    if hours.quiet is not None:
        begins, ends = hours.quiet
        told = f"Not to be disturbed from {begins}:00 to {ends}:00."
    if hours.digest is not None:
        told += f" What can wait comes in one email a day, at {hours.digest}:00"
        told += "." if channel == "email" else ", once you are told by email."
    return told


def tell_errand(errand: ErrandView) -> str:
    """A call to make or a letter to post."""
    does = "Write to" if errand.how == "letter" else "Call"
    reached = f": {plain(errand.contact)}" if errand.contact else ""
    if errand.contact and errand.how == "call" and errand.channel != "call":
        reached = f" (who gave, {REACHED.get(errand.channel, 'otherwise')}{reached})"
    lines = [f"{errand.number}. {does} {plain(errand.name)}{reached}"]
    lines.append(f"{'TODAY: ' if errand.urgent else ''}{plain(errand.words)}")
    if errand.why:
        lines.append(f"Because {plain(errand.why)}.")
    if errand.rung is not None:
        times = "once" if errand.no_replies == 1 else f"{errand.no_replies} times"
        lines.append(f"Nobody answered {times}, the last time on {moment(errand.rung)}.")
    return "\n".join([wrap(lines[0], "   "), *(wrap(f"   {each}", "   ") for each in lines[1:])])
