"""``tally payments``: those into other circles, under way and over."""

from __future__ import annotations

import asyncio

import click

from client.cli.command import Told, command
from client.cli.parties import own_account
from client.cli.pay_elsewhere import payment_fields, tell_payment
from client.cli.run import Run
from client.cli.words import day, plain, wrap
from client.errors import AnswerInvalid, InvalidAddress, NodeError
from client.member import Member
from client.payment_views import PaymentView
from client.payments import Answer, ask_decider, contradicts, keep_contradiction, settle

SHOWN = 10
"""Of those that are over; all that are under way are shown."""


@command("payments")
@click.option("--account", type=int, help="Which of your accounts, if you have several.")
@click.option("--ask", is_flag=True, help="Ask the other circles themselves, too.")
async def payments(run: Run, account: int | None, ask: bool) -> Told:
    """What you paid into other circles: what is under way, and how the latest ended.

    With --ask the other circles are asked themselves, so that you need not trust your own.
    """
    member = await run.member()
    number = (await own_account(run, account)).number
    page = await (await member.session()).payments(number)
    over = [view for view in page.payments if view.state != "open"][:SHOWN]
    shown = [view for view in page.payments if view.state == "open" or view in over]
    if not shown:
        return Told("You have paid nobody in another circle yet.", {"payments": []})
    told, fields, failed = [], [], False
    for view in shown:
        await settle(member, view)
        line = (await tell_payment(member, view, with_standing=False)).text
        text = f" For: {plain(view.text)}." if view.text else ""
        told.append(wrap(f"{day(view.since)}: {line}{text}", "  "))
        said: dict[str, object] = payment_fields(view)
        if ask:
            verdict, words, wrong = await _ask(member, view)
            told.append(wrap(f"  {words}", "  "))
            said["asked"] = verdict
            failed = failed or wrong
        fields.append(said)
    return Told("\n".join(told), {"account": number, "payments": fields}, failed=failed)


async def _ask(member: Member, view: PaymentView) -> tuple[str | None, str, bool]:
    """The other circle's verdict, in words too, and whether it contradicts one's own node."""
    sent = await asyncio.to_thread(member.journal.payment, view.payment)
    name = plain(view.name or (sent.circle if sent else "The other circle"))
    url = (sent.url if sent else None) or view.url or _usual_url(sent.who if sent else view.who)
    if not url:
        return None, f"Where {name} can be asked is not known here.", False
    try:
        answer = await ask_decider(url, view.header)
    except AnswerInvalid:
        return None, f"{name} was asked, and its answer proves nothing.", False
    except (NodeError, InvalidAddress):
        return None, f"{name} cannot be reached now.", False
    if contradicts(view, answer):
        path = await keep_contradiction(member, view, answer)
        words = (
            f"{name} SAYS OTHERWISE: {_VERDICTS[answer.verdict]}. Show your coordinator this file,"
            f" which has both: {path}"
        )
        return answer.verdict, words, True
    return answer.verdict, f"{name} itself says: {_tell_verdict(view, answer)}.", False


def _usual_url(who: str | None) -> str | None:
    """Where a circle's node is by its address, as in ann@circle.example."""
    address = (who or "").partition("@")[2]
    return f"https://{address}" if address else None


_VERDICTS = {
    "committed": "it arrived",
    "refused": "it was refused",
    "unknown": "it is not there yet",
}


def _tell_verdict(view: PaymentView, answer: Answer) -> str:
    if view.state == "open" and answer.verdict == "committed":
        return "it arrived; your own circle has not heard of that yet"
    if view.state == "open" and answer.verdict == "refused":
        return "it was refused; it is on its way back"
    if view.state == "released" and answer.verdict == "unknown":
        return "it never came there"
    if view.state == "committed" and answer.verdict == "unknown":
        return "it knows nothing of it now, though it signed for it"
    return _VERDICTS[answer.verdict]
