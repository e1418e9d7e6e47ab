"""From a body of POST /api/v1/orders to orders that the writer can take. Parsed once, here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger import keys, orders
from ledger.characters import is_printable
from ledger.codec import from_base64url
from ledger.errors import TallystickError, TextMismatch
from ledger.federation.route import ROUTE_BYTES_MAX, Route, decode_route
from ledger.orders import TEXT_BYTES_MAX, Join, Open, SignedOrder
from node.errors import RequestInvalid
from node.store import Text
from node.work import Submission

LIST_MAX = 1000
"""Orders in one request."""
NAME_LENGTH_MAX = 100
HANDLE = re.compile(r"[a-z][a-z0-9-]{1,31}")
_FIELDS = {"order", "text", "salt", "route"}
_ROUTE_TEXT_MAX = 4 * ROUTE_BYTES_MAX // 3 + 4
_ORDER_TEXT_MAX = 4 * orders.ORDER_BYTES_MAX // 3 + 4
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item of a list that is no order, or whose text is not its own."""

    error: TallystickError
    order_id: str | None = None


def parse_items(body: Any) -> tuple[list[Submission | Unreadable], bool]:
    """The orders of a body, and whether it was a list. Raises RequestInvalid for any other body."""
    if isinstance(body, dict) and body.keys() == {"orders"}:
        items = body["orders"]
        if not isinstance(items, list) or not 1 <= len(items) <= LIST_MAX:
            raise RequestInvalid([f"body.orders must be a list of 1 to {LIST_MAX}"])
        return [parse_item(item) for item in items], True
    return [parse_item(body)], False


def parse_item(item: Any) -> Submission | Unreadable:
    """One order with its text, or what is wrong with it."""
    order_id = None
    try:
        if not isinstance(item, dict) or not item.keys() <= _FIELDS or "order" not in item:
            raise RequestInvalid(["order must be an object with order and perhaps text and salt"])
        wire = item["order"]
        if not isinstance(wire, str) or len(wire) > _ORDER_TEXT_MAX:
            raise RequestInvalid(
                [f"order must be a string of at most {_ORDER_TEXT_MAX} characters"]
            )
        signed = orders.parse(from_base64url(wire, "signed order"))
        if len(item) == 1 and not signed.order.header.text:
            return Submission(signed)
        order_id = signed.id.hex()
        return _with_text(signed, item)._replace(route=_read_route(item.get("route")))
    except TallystickError as error:
        return Unreadable(error.with_traceback(None), order_id)


def _read_route(text: Any) -> Route | None:
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > _ROUTE_TEXT_MAX:
        raise RequestInvalid([f"route must be a string of at most {_ROUTE_TEXT_MAX} characters"])
    return decode_route(from_base64url(text, "route"))


def _with_text(signed: SignedOrder, item: dict[str, Any]) -> Submission:
    header, act = signed.order
    text = read_text(item.get("text"), item.get("salt"), header.text)
    if text is None:
        return Submission(signed)
    if type(act) is Join or (type(act) is Open and not act.holder):
        handle, name = _split_names(text.body.decode())
        return Submission(signed, text, handle, name)
    return Submission(signed, text)


def read_text(text: Any, salt: Any, commitment: tuple[bytes, ...]) -> Text | None:
    """The text beside a signed object, once it is the one committed to. Raises TextMismatch."""
    if text is None and salt is None and not commitment:
        return None
    if not isinstance(text, str) or not isinstance(salt, str):
        raise TextMismatch("text and salt belong together, as strings")
    if not commitment:
        raise TextMismatch("it commits to no text")
    control = _CONTROL.search(text)
    if control:
        raise TextMismatch(f"U+{ord(control[0]):04X} is no character of a text")
    body = text.encode()
    if not 1 <= len(body) <= TEXT_BYTES_MAX:
        raise TextMismatch(f"{len(body)} bytes are not from 1 to {TEXT_BYTES_MAX}")
    raw_salt = from_base64url(salt[:64], "salt")
    if len(raw_salt) != keys.SALT_BYTES:
        raise TextMismatch(f"a salt has {keys.SALT_BYTES} bytes")
    if keys.text_commitment(raw_salt, body) != commitment[0]:
        raise TextMismatch("the commitment in the order is another text's")
    return Text(raw_salt, body)


def _split_names(text: str) -> tuple[str, str]:
    handle, _, name = text.partition("\n")
    if not HANDLE.fullmatch(handle):
        raise TextMismatch(
            f"{handle!r:.40} is no short name: 2 to 32 of a-z, 0-9 and -, a letter first"
        )
    if not 1 <= len(name) <= NAME_LENGTH_MAX or not is_printable(name) or name != name.strip():
        raise TextMismatch("the second line is a name of 1 to 100 printable characters")
    return handle, name


def verified(
    items: Sequence[Submission | Unreadable], outcomes: Sequence[TallystickError | None]
) -> list[Submission | Unreadable]:
    """The same items, those whose signature does not fit made unreadable."""
    checked = iter(outcomes)
    result: list[Submission | Unreadable] = []
    for item in items:
        if type(item) is Submission:
            error = next(checked)
            result.append(item if error is None else Unreadable(error, item.signed.id.hex()))
        else:
            result.append(item)
    return result
