"""POST /api/v1/orders: the one way in which anything changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ledger.decide import Prior
from ledger.errors import TallystickError
from ledger.orders import Settle
from node.api import answers
from node.api.entries import read_entry
from node.api.submission import Unreadable, parse_items, verified
from node.circle import Circle
from node.errors import AskerUntold
from node.help.silence import find_untold
from node.http.problem import PROBLEM_JSON
from node.http.reply import Reply
from node.work import Accepted, Outcome, Submission

Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$", description="base64url, no padding")]


class Model(BaseModel):
    """A JSON object with exactly these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OrderItem(Model):
    """One signed order, the text that it commits to, and the route of a payment elsewhere."""

    order: Base64
    text: str | None = None
    salt: Base64 | None = None
    route: Base64 | None = None


class OrderList(Model):
    """Orders to be decided one after another. The list is not atomic; each order is."""

    orders: list[OrderItem] = Field(min_length=1, max_length=1000)


class PostingOpening(Model):
    """A posting of the signer's, and its way to the leaf's postings root."""

    posting: Base64
    salt: Base64
    position: int
    count: int
    path: list[Base64]


class EntryOpening(Model):
    """The leaf, and what opens its order commitment besides the order itself."""

    index: int
    leaf: Base64
    authority: str
    salt: Base64


class AcceptedOrder(Model):
    """An order's entry, and the receipt that it is in the log (c2sp.org/tlog-proof@v1)."""

    order_id: str
    entry: EntryOpening
    postings: list[PostingOpening]
    receipt: str


class RefusedOrder(Model):
    """Why an order is not accepted: a problem object (RFC 9457)."""

    order_id: str | None
    problem: dict[str, JsonValue]


class OrderResults(Model):
    """One result an order, in the order of the list."""

    results: list[AcceptedOrder | RefusedOrder]


async def submit_orders(state: Circle, body: JsonValue) -> Reply:
    """Submit one signed order, or a list.

    Each order is decided once and for all: to send the very same bytes again is safe, and gives
    the very same verdict; its postings are then left out, and can be read in a session. The answer
    comes after the commit. A list is answered with 200 whatever its orders came to; a single
    refused order with its problem's status.
    """
    items, is_list = parse_items(body)
    signed = [item.signed for item in items if isinstance(item, Submission)]
    state.writer.check_room(len(signed))
    items = verified(items, await state.verifier.verify(signed))
    items = await _check_collecting(state, items)
    outcomes = await _decide(state, items)
    if is_list:
        results = [
            _render_accepted(state, item, outcome)
            if type(outcome) is Accepted and type(item) is Submission
            else await _render(state, item, outcome)
            for item, outcome in zip(items, outcomes, strict=True)
        ]
        return Reply(f'{{"results":[{",".join(results)}]}}')
    return await _reply_to_one(state, items[0], outcomes[0])


async def _check_collecting(
    state: Circle, items: list[Submission | Unreadable]
) -> list[Submission | Unreadable]:
    """The same items, but for those that collect what the asker was not told of for long enough."""
    collecting = {
        place: settle
        for place, item in enumerate(items)
        if (settle := _find_collecting(state, item)) is not None
    }
    if not collecting:
        return items
    async with state.pool.acquire() as connection:
        untold = await find_untold(connection, list(collecting.values()), state.clock())
    checked = list(items)
    for place, settle in collecting.items():
        item = items[place]
        if settle.hold in untold and isinstance(item, Submission):
            checked[place] = Unreadable(AskerUntold(untold[settle.hold]), item.signed.id.hex())
    return checked


def _find_collecting(state: Circle, item: Submission | Unreadable) -> Settle | None:
    """The order by which a payee, or somebody for them, settles what is set aside for them."""
    if type(item) is not Submission:
        return None
    header, act = item.signed.order
    if not isinstance(act, Settle) or header.account != act.payee:
        return None
    account = state.writer.loaded.state.accounts.get(act.payee)
    is_payee = account is not None and header.person in account.holders
    return act if is_payee or header.slip or header.mandate else None


async def _decide(state: Circle, items: Sequence[Submission | Unreadable]) -> list[Outcome]:
    readable = [item for item in items if isinstance(item, Submission)]
    decided = iter(await state.writer.submit(readable) if readable else [])
    return [next(decided) if isinstance(item, Submission) else item.error for item in items]


def _render_accepted(state: Circle, item: Submission, accepted: Accepted) -> str:
    signed = item.signed
    own = answers.own_accounts(state.writer.loaded.state, signed.order.header.device)
    return answers.render_accepted(signed.id.hex(), accepted, own)


async def _render(state: Circle, item: Submission | Unreadable, outcome: Outcome) -> str:
    if type(outcome) is Accepted and isinstance(item, Submission):
        return _render_accepted(state, item, outcome)
    order_id = item.signed.id.hex() if isinstance(item, Submission) else item.order_id
    if type(outcome) is Prior:
        return await _render_prior(state, item, outcome)
    assert isinstance(outcome, TallystickError)
    return answers.render_problem(order_id, answers.problem_of(outcome))


async def _render_prior(state: Circle, item: Submission | Unreadable, prior: Prior) -> str:
    assert isinstance(item, Submission)
    order_id = item.signed.id.hex()
    if prior.entry is None:
        return answers.render_problem(order_id, answers.problem_of_refusal(prior.refusal or "{}"))
    async with state.pool.acquire() as connection:
        accepted = await read_entry(connection, state.writer.loaded.head, prior.entry)
    # Whoever was shown the order can send it again; balances are for its signer, in a session.
    return answers.render_accepted(order_id, accepted, set())


async def _reply_to_one(state: Circle, item: Submission | Unreadable, outcome: Outcome) -> Reply:
    if isinstance(outcome, TallystickError):
        raise outcome
    if type(outcome) is Prior and outcome.refusal is not None:
        problem = answers.problem_of_refusal(outcome.refusal)
        return Reply(answers.dump(problem), content_type=PROBLEM_JSON, status=problem["status"])
    return Reply(await _render(state, item, outcome))
