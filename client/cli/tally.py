"""The commands of ``tally``, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from errno import ENOSPC
from pathlib import Path

import click

from client.cli.lazy_group import Entry, LazyGroup
from client.cli.settings import Settings

STOPPED = 130

SECTIONS = {
    "Every day": {
        "balance": Entry("client.cli.balance:balance", "What you have, and the latest lines."),
        "pay": Entry("client.cli.pay:pay", "Pay somebody, or several people at once."),
        "payments": Entry(
            "client.cli.payments:payments", "What you paid into other circles, and where it is."
        ),
        "request": Entry(
            "client.cli.request:request", "Ask to be paid: makes a link to give away."
        ),
        "requests": Entry("client.cli.request:requests", "What you asked for, and who paid."),
        "statement": Entry("client.cli.statement:statement", "Everything on your account."),
    },
    "Offers and wants": {
        "find": Entry("client.cli.find:find", "Look for what others offer and want."),
        "offer": Entry("client.cli.offer:offer", "Offer help, or a thing to give, lend or sell."),
        "want": Entry("client.cli.offer:want", "Say what help or thing you want."),
        "offers": Entry("client.cli.offer:offers", "What you offer and want; keep or end it."),
        "profile": Entry("client.cli.profile:profile", "What you tell the others of yourself."),
        "block": Entry("client.cli.profile:block", "Hide yourself and somebody from each other."),
        "unblock": Entry("client.cli.profile:unblock", "Take that back."),
    },
    "Help": {
        "ask": Entry("client.cli.ask:ask", "Ask for help, and see how it stands."),
        "helping": Entry("client.cli.helping:helping", "Say what you can help with, and when."),
        "asked": Entry("client.cli.asked:asked", "What you were asked to help with."),
        "yes": Entry("client.cli.answer:say_yes", "You come; or, of your own request, they may."),
        "no": Entry("client.cli.answer:say_no", "You cannot; or, of your own, rather not them."),
        "done": Entry("client.cli.outcome:done", "You have helped, and it took so long."),
        "confirm": Entry("client.cli.outcome:confirm", "They came: they are paid for the time."),
        "thank": Entry("client.cli.outcome:thank", "Thank who came, in a few words."),
        "cancel": Entry("client.cli.answer:cancel", "It is not needed; or you cannot come."),
        "widen": Entry("client.cli.help_neighbours:widen", "Let neighbouring circles help, too."),
        "desk": Entry("client.cli.desk:desk", "The telephone desk, for coordinators."),
    },
    "Promises": {
        "set-aside": Entry("client.cli.set_aside:set_aside", "Set an amount aside for later."),
        "promises": Entry("client.cli.set_aside:promises", "What is set aside, by you or for you."),
        "assign": Entry("client.cli.set_aside:assign", "Say whom a promise is for; give it back."),
        "hand-over": Entry("client.cli.set_aside:hand_over", "Pay out what was set aside."),
        "free": Entry("client.cli.set_aside:free", "End a promise without paying."),
        "claim": Entry("client.cli.set_aside:claim", "Say that what was promised you is due."),
        "object": Entry("client.cli.set_aside:object_to", "Say that a claim on you is not due."),
    },
    "What is on": {
        "events": Entry("client.cli.events:events", "What is on, and events of your own."),
        "rsvp": Entry("client.cli.rsvp:rsvp", "Say whether you come to an event."),
    },
    "Talking": {
        "messages": Entry("client.cli.messages:messages_group", "What is new, and writing back."),
        "announce": Entry(
            "client.cli.officer.ring:announce", "Tell all members something; coordinators."
        ),
    },
    "If something is wrong": {
        "complain": Entry("client.cli.complain:complain", "Say what is wrong with what others do."),
        "duty": Entry(
            "client.cli.officer.duty:duty_for_members", "Who is on duty, and how to reach them."
        ),
        "concern": Entry("client.cli.concern:concern", "Say that you fear for somebody's safety."),
    },
    "Someone acting for you": {
        "allow": Entry("client.cli.mandates:allow", "Let someone act for you, within bounds."),
        "allowed": Entry("client.cli.mandates:allowed", "Who may act for whom."),
        "disallow": Entry("client.cli.mandates:disallow", "End that."),
    },
    "You and your circles": {
        "join": Entry("client.cli.join:join", "Join a circle with an invitation."),
        "whoami": Entry("client.cli.whoami:whoami", "Who you are in the circle."),
        "verify": Entry("client.cli.verify:verify", "Check that nothing was changed behind you."),
        "verify-evidence": Entry(
            "client.cli.verify_evidence:verify_evidence", "Check a proof against some circle."
        ),
        "devices": Entry("client.cli.devices:devices", "Your phones and computers."),
        "new-device": Entry("client.cli.new_device:new_device", "Make this device one of yours."),
        "address": Entry("client.cli.address:address", "Where this device reaches a circle."),
        "everything": Entry(
            "client.cli.everything:everything", "Save all that the circle holds on you."
        ),
        "circles": Entry("client.cli.circles:circles", "The circles on this device."),
        "passphrase": Entry("client.cli.circles:passphrase", "Protect this device's key."),
    },
    "More": {
        "officer": Entry("client.cli.officer:officer", "What coordinators do."),
        "demo": Entry("client.demo:demo", "Play four circles on fresh nodes, to see them work."),
    },
}


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--circle", metavar="NAME", help="Which circle, if you are in several.")
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder with your keys.",
)
@click.version_option(package_name="tallystick", prog_name="tally")
@click.pass_context
def tally(context: click.Context, circle: str | None, home: Path | None) -> None:
    """Give and get help in your circle, and keep count.

    WHO is a short name such as ann, or an account number such as 102; in another circle it is
    ann@circle.example. An AMOUNT is written as
    people do: 2, 1.5 or 1h20.
    """
    context.obj = Settings(circle, home)


def _tell_usage(error: click.UsageError) -> int:
    from client.cli.usage import explain_usage

    if error.ctx is not None and error.message == error.ctx.get_help():
        # A group without a command shows its help.
        click.echo(error.message)
    else:
        click.echo(explain_usage(error), err=True)
    return error.exit_code


def _is_text(argument: str) -> bool:
    """Whether what was typed was UTF-8: what is not comes as surrogates (PEP 383)."""
    return not any("\ud800" <= letter <= "\udfff" for letter in argument)


def run_tally(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status."""
    if not all(map(_is_text, arguments)):
        click.echo(
            "There are letters in this command that cannot be read: type it again.", err=True
        )
        return 2
    if list(arguments[:1]) == ["help"]:
        arguments = [*arguments[1:], "--help"]
    try:
        status = tally.main(list(arguments), prog_name="tally", standalone_mode=False)
    except click.UsageError as error:
        return _tell_usage(error)
    except click.ClickException as error:
        error.show()
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return STOPPED
    except BrokenPipeError:
        # Whoever read the output has had enough; Python must not complain when it flushes it.
        sys.stdout = None
        return 1
    except OSError as error:
        if error.errno != ENOSPC:
            raise
        sys.stdout = None
        click.echo(f"What there is to say cannot be written ({error.strerror}).", err=True)
        return 1
    return status if isinstance(status, int) else 0
