"""What protocol.md says of names, numbers and codes is what the code says, in both directions."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter

from ledger import (
    acts,
    characters,
    charter,
    checkpoint,
    codec,
    declarations,
    entry,
    errors,
    keys,
    merkle,
    note,
    orders,
    paper,
    receipt,
)
from ledger.decide import authority, devices, members, offices
from node import errors as node_errors
from node.api import (
    accounts,
    audit,
    me,
    requests,
    sessions,
    statement,
    statement_csv,
    statement_line,
    submission,
)
from node.api.app import ENDPOINTS
from node.api.bounds import Limit
from node.api.orders import AcceptedOrder, OrderItem
from node.check import book
from node.check import characters as checked_characters
from node.check.findings import WrongEntry
from node.http.limits import HttpLimits
from node.http.pages import ApiPages
from node.http.problem import STATUS, describe_problem, find_status
from tests.vectors import make_example

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "protocol.md").read_text()
CODE = re.compile(r"`([^`]+)`")
PART_TWO_ORDERS = {"defer"}
PART_TWO_ENTRIES = PART_TWO_ORDERS | {"link", "arrive", "relay"}
PART_TWO_CODES: set[str] = set()
"""What belongs to payments between circles, and is in no table of part one."""


def section(title: str) -> str:
    """What stands under a heading, up to the next of its level or a higher one."""
    head = re.search(rf"^(#+) {re.escape(title)}$", DOCUMENT, re.MULTILINE)
    assert head is not None, title
    rest = DOCUMENT[head.end() :]
    following = re.search(rf"^#{{1,{len(head[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def rows(title: str, header: str) -> list[list[str]]:
    """The cells of the table in a section whose header row begins so, without that row."""
    table = section(title).partition(f"\n| {header} |")[2].partition("\n\n")[0]
    assert table, f"{title} has a table with {header}"
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()[2:]]
    return [[cell.strip() for cell in line] for line in cells]


def codes(cells: str) -> list[str]:
    return CODE.findall(cells)


def shapes(text: str) -> dict[str, tuple[str, ...]]:
    """The fields of every array that the indented blocks of a text define, by its name."""
    found = {}
    for name, inline, lines in re.findall(
        r"^    ([a-z][a-z ]*?) *= \[(?:(.*)\]|\n((?: {6}.*\n)+)    \])$", text, re.MULTILINE
    ):
        if lines:
            fields = re.findall(r"^ {6}(\w+): ", lines, re.MULTILINE)
        else:
            bare = inline
            while bare != (bare := re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}", "", bare)):
                pass
            fields = re.findall(r"(\w+):", bare)
        found[name] = tuple(fields)
    return found


def errors_in(module: Any) -> list[type[errors.TallystickError]]:
    """The error classes that a module defines, in the order in which they stand."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, errors.TallystickError)
        and value.__module__ == module.__name__
    ]


def test_error_codes_stand_in_the_order_of_precedence_with_their_status() -> None:
    stated = [(codes(code)[0], int(status)) for code, status, _ in rows("Error codes", "code")]
    described = [one for one in errors_in(errors) if one.code not in PART_TWO_CODES]
    assert stated == [(one.code, find_status(one, STATUS)) for one in described]


def test_edge_codes_are_those_of_the_node_with_their_status() -> None:
    sent = {codes(code)[0]: int(status) for code, status, _ in rows("Edge codes", "code")}
    local = section("Edge codes").partition("never sent: ")[2]
    unsent = codes(local.partition(".\n")[0])
    by_code = {one.code: one for one in errors_in(node_errors)}
    assert sorted([*sent, *unsent]) == sorted(by_code)
    assert sent == {code: find_status(by_code[code], STATUS) for code in sent}
    documented = {one.code for endpoint in ENDPOINTS for one in endpoint.raises}
    assert documented <= set(sent) | {one.code for one in errors_in(errors)}


def test_a_fault_is_named_for_kinds_that_exist_and_with_a_code_that_exists() -> None:
    known = {one.code for one in errors_in(errors)}
    for code, kinds, _ in rows("Verdicts and order of precedence", "code"):
        assert set(codes(code)) <= known
        assert set(codes(kinds)) <= set(orders.ORDER_KINDS)


def test_kinds_of_orders_have_the_fields_in_the_order_that_they_have_in_the_code() -> None:
    found = shapes(section("Orders"))
    assert found.pop("header") == orders.Header._fields
    assert found.pop("wire") == ("body", "signature", "cosignatures")
    kinds = {act.__name__.lower(): act._fields for act in get_args(acts.Act)}
    assert set(kinds) == set(orders.ORDER_KINDS)
    assert found == {kind: kinds[kind] for kind in kinds if kind not in PART_TWO_ORDERS}


def test_other_signed_or_hashed_objects_have_their_fields() -> None:
    stated = shapes(DOCUMENT)
    for name, record in {
        "charter": charter.Charter,
        "certificate": charter.Certificate,
        "previous": charter.Previous,
        "rules": charter.Rules,
        "enrolment": declarations.Enrolment,
        "payment request": declarations.PaymentRequest,
        "session opening": declarations.SessionOpening,
        "leaf": entry.Leaf,
        "posting": entry.Posting,
    }.items():
        fields: Any = record
        assert stated[name] == fields._fields, name


def test_the_kinds_without_an_account_are_listed() -> None:
    text = section("Orders").partition("`account` MUST be 0 in orders of the kinds ")[2]
    assert set(codes(text.partition(", and\nat least")[0])) == orders.WITHOUT_ACCOUNT
    scope = text.partition("kinds other than")[2].partition(". What breaks")[0]
    assert tuple(codes(scope)) == orders.MANDATE_SCOPE


def test_the_authority_table_has_every_kind_of_order_and_the_account_it_names() -> None:
    table = rows("Authority table", "kind")
    kinds = [kind for cell, *_ in table for kind in codes(cell)]
    assert sorted(kinds) == sorted(set(orders.ORDER_KINDS) - PART_TWO_ORDERS)
    without = {kind for cell, account, *_ in table if not account for kind in codes(cell)}
    assert without == orders.WITHOUT_ACCOUNT
    named = {word for row in table for word in row[3].split(", ")}
    assert named | {"circle", "peer"} == set(entry.AUTHORITIES)


def test_the_table_of_postings_has_every_kind_of_entry() -> None:
    kinds = [kind for cell, _ in rows("Postings", "kind") for kind in codes(cell)]
    assert sorted(kinds) == sorted(set(entry.ENTRY_KINDS) - PART_TWO_ENTRIES)


def test_every_context_is_listed() -> None:
    stated = [f"{codes(cell)[0]}\0".encode() for cell, _ in rows("Keys and signing", "context")]
    assert stated == list(keys.CONTEXTS)


def test_the_characters_of_names_are_those_of_the_code_and_of_whoever_checks_it() -> None:
    blocks = re.findall(r"(?:^    [0-9A-F].*\n)+", section("Characters"), re.MULTILINE)
    unprintable, figures = (block.split() for block in blocks)
    assert unprintable == characters.UNPRINTABLE.split() == checked_characters.UNSEEN.split()
    assert figures == characters.FIGURES.split() == checked_characters.FIGURES.split()
    for ranges, is_in in (
        (unprintable, lambda character: not characters.is_printable(character)),
        (figures, characters.has_figure),
    ):
        listed = {code for part in ranges for code in _code_points(part)}
        assert listed == {code for code in range(0x110000) if is_in(chr(code))}
    assert checked_characters.has_any("a\u2003b", checked_characters.UNSEEN)
    assert not checked_characters.has_any("a b", checked_characters.UNSEEN)


def _code_points(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first, 16), int(last or first, 16) + 1)


ADDRESSES = {
    "a": True,
    "southwark.example": True,
    "127.0.0.1:8443": True,
    "a--b.example:65535": True,
    f"{'a' * 63}.example": True,
    f"{'a' * 64}.example": False,
    "southwark.example:65536": False,
    "southwark.example:0": False,
    "southwark.example:080": False,
    "southwark.example:": False,
    "southwark..example": False,
    "southwark.example.": False,
    "-southwark.example": False,
    "southwark.-.example": False,
    "Southwark.example": False,
    "": False,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_one_to_the_circle_and_to_whoever_checks_it(address: str) -> None:
    rules = make_example.RULES._replace(address=address)
    assert _is_written(rules) is ADDRESSES[address]
    encoded = codec.encode(rules)
    if ADDRESSES[address]:
        assert book.read_rules(encoded).address == address
    else:
        with pytest.raises(WrongEntry):
            book.read_rules(encoded)


def test_the_longest_address_fits_the_origin_of_every_epoch() -> None:
    longest = f"{'a.' * 104}aa"
    assert _is_written(make_example.RULES._replace(address=longest))
    assert not _is_written(make_example.RULES._replace(address=f"{longest}a"))
    origin = charter.origin_of(longest, bytes(32), codec.AMOUNT_MAX)
    assert len(origin) == checkpoint.ORIGIN_BYTES_MAX


def test_the_code_on_paper_is_as_shown() -> None:
    secret = bytes(range(1, 11))
    assert f"`{paper.write_code(secret)}`" in section("Paper")
    assert f"`{paper.invitation_seed(secret).hex()}`" in section("Paper")


HTTP = HttpLimits()
LIMITS = {
    "any integer": f"from -{codec.AMOUNT_MAX} to {codec.AMOUNT_MAX}",
    "a signed order (wire), and its body": f"{orders.ORDER_BYTES_MAX:,} bytes",
    "legs in an order": f"{orders.LEGS_MAX:,}",
    "cosignatures on an order": f"{orders.COSIGNATURES_MAX}",
    "life of an order after the log time at which it is decided": f"{orders.LIFETIME_MS_MAX:,} ms",
    "orders in one request": f"{submission.LIST_MAX:,}",
    "the body of an HTTP request": f"{HTTP.body_bytes_max:,} bytes",
    "values in a JSON body; levels of its nesting": (
        f"{HTTP.json_values_max:,}; {HTTP.json_depth_max}"
    ),
    "a request line; a header field": f"{HTTP.line_bytes_max:,}; {HTTP.header_bytes_max:,} bytes",
    "lines in a page of a list, unless said otherwise": "200",
    "entries in a page of the opened books": "1,000",
    "sessions of a device": f"{sessions.SESSIONS_PER_DEVICE_MAX}",
    "payment requests of an account that are neither paid nor over": f"{requests.OPEN_MAX}",
    "text beside an order or a payment request": f"{orders.TEXT_BYTES_MAX:,} bytes",
    "handle": "2 to 32 characters",
    "name": f"1 to {submission.NAME_LENGTH_MAX} characters",
    "channel and number of a slip": "32 characters each",
    "cash reference": "64 characters",
    "device label": "64 characters",
    "a declaration's body; with its signature": (
        f"{declarations.DECLARATION_BYTES_MAX} bytes; "
        f"{2 * declarations.DECLARATION_BYTES_MAX:,} bytes"
    ),
    "a signed enrolment inside an order": "512 bytes",
    "life of a session opening, as a client signs it": (
        f"{declarations.SESSION_LIFETIME_MS_MAX:,} ms"
    ),
    "life of a session": f"{sessions.SESSION_MS:,} ms",
    "life of a payment request": f"{declarations.REQUEST_LIFETIME_MS_MAX:,} ms (400 days)",
    "open accounts of a person; holders of an account": (
        f"{members.HOLDINGS_MAX}; {members.HOLDINGS_MAX}"
    ),
    "active devices of a person": f"{devices.DEVICES_MAX}",
    "mandates of an account that were not ended": f"{offices.MANDATES_MAX}",
    "`device_wait`": "7,776,000,000 ms (90 days)",
    "cap of a device that others or a recovery sheet enrolled": (
        f"{authority.WEEK_MS:,} ms (7 days)"
    ),
    "a charter; its certificate; its rules": (f"{charter.CHARTER_BYTES_MAX:,}; 1,024; 1,024 bytes"),
    "a leaf; its public part": f"{entry.LEAF_BYTES_MAX:,}; 4,096 bytes",
    "postings in an entry": f"{entry.POSTINGS_MAX:,}",
    "a posting": "256 bytes",
    "`evidence` in a settle or release": "4,096 bytes",
    "an origin": f"{checkpoint.ORIGIN_BYTES_MAX} bytes",
    "a signed note; its signature lines": f"{note.NOTE_BYTES_MAX:,} bytes; {note.SIGNATURES_MAX}",
    "a receipt; its proof lines": (
        f"{receipt.RECEIPT_BYTES_MAX:,} bytes; {merkle.PROOF_LENGTH_MAX}"
    ),
}
BOUNDS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "lines in a page of a list, unless said otherwise": (Limit, [1, 200], [0, 201]),
    "entries in a page of the opened books": (audit._Limit, [1, 1_000], [0, 1_001]),
}


def test_limits_are_those_of_the_code() -> None:
    stated = dict(rows("Limits on sizes and counts", "what"))
    assert stated == LIMITS
    for hint, taken, refused in BOUNDS.values():
        for value in taken:
            TypeAdapter(hint).validate_python(value)
        for value in refused:
            with pytest.raises(ValueError, match="Input should be"):
                TypeAdapter(hint).validate_python(value)


def test_limits_that_shapes_have_are_those_of_the_table() -> None:
    """Where the code has no constant: as large as said goes in, and one more does not."""
    signed = make_example.tell()[5].signed
    assert signed is not None
    header, pay = signed.order
    for slip in (("a" * 32, "1" * 32), ("a" * 33, "1"), ("a", "1" * 33)):
        order = orders.Order(header._replace(slip=(slip,)), pay)
        assert _is_written(order) is (33 not in map(len, slip))
    for size in (64, 65):
        sell = orders.Order(header._replace(kind="sell"), acts.Sell(1, "r" * size))
        assert _is_written(sell) is (size == 64)
        release = acts.Release(1, (b"e" * (64 * size),))
        order = orders.Order(header._replace(kind="release"), release)
        assert _is_written(order) is (size == 64)
    for wait in (7_776_000_000, 7_776_000_001):
        rules = make_example.RULES._replace(device_wait=wait)
        assert _is_written(rules) is (wait == 7_776_000_000)
    for handle in ("ab", "a" * 32, "a", "a" * 33):
        assert bool(submission.HANDLE.fullmatch(handle)) is (len(handle) in (2, 32))


def _is_written(value: Any) -> bool:
    try:
        if isinstance(value, charter.Rules):
            charter.encode_rules(value)
        else:
            orders.encode_order(value)
    except errors.MalformedObject:
        return False
    return True


SESSION = {None: "none", "optional": "optional", "required": "required"}


def test_every_endpoint_is_listed_with_its_session_and_no_other() -> None:
    listed = {codes(cell)[0]: session for cell, session, _ in rows("HTTP API", "method and path")}
    served = {}
    for one in (*ENDPOINTS, *ApiPages().endpoints()):
        path = re.sub(r"\{(\w+)\}", r"<\1>", one.path)
        path = path.replace("{path...}", "<L>/<N>[.p/<W>]")
        served[f"{one.method} {path}"] = SESSION[one.signature.session]
    assert listed == served


def test_endpoints_that_the_text_names_are_in_the_list() -> None:
    listed = {codes(cell)[0] for cell, *_ in rows("HTTP API", "method and path")}
    text = " ".join(section("HTTP API").split())
    named = set(re.findall(r"(?:GET|POST|PUT|PATCH|DELETE) /[^\s`?]*", text))
    named -= {"GET /api/v1/accounts/102/statement", "GET /tile/entries/<N>[.p/<W>]"}
    assert named == listed


def test_a_statement_has_the_columns_and_the_fields_that_are_listed() -> None:
    text = section("Statements")
    columns = text.partition("columns are ")[2].partition("; amounts")[0]
    assert tuple(codes(columns)) == statement_csv.COLUMNS
    assert _fields(text, "line") == list(statement_line.Line.model_fields)


def _fields(text: str, name: str) -> list[str]:
    """The names in the outermost braces of the object that a text describes as ``name = {...}``."""
    described = text.partition(f"    {name} ")[2].partition("= {")[2]
    depth, end = 1, 0
    while depth:
        depth += {"{": 1, "}": -1}.get(described[end], 0)
        end += 1
    inner = re.sub(r"\{[^{}]*\}", "", described[: end - 1])
    return re.findall(
        r'"(\w+)"(?=\??(?:[:,]|$|\s*\n))', re.sub(r': "[^:{]*?"(?=,\n|$)', ":", inner)
    )


def test_objects_of_the_api_have_the_fields_that_are_listed() -> None:
    text = section("People and accounts")
    models: dict[str, type[BaseModel]] = {
        "account": accounts.Account,
        "device": me.Device,
        "mandate": me.Mandate,
        "hold": accounts.OpenHold,
        "notice": me.Notice,
    }
    for name, model in models.items():
        stated = _fields(text, name)
        assert [field for field in stated if field in model.model_fields] == list(
            model.model_fields
        ), name
    assert _fields(section("Payment requests"), "request") == list(requests.Request.model_fields)


EXAMPLES = re.findall(r"^\{\n.*?^\}$", section("HTTP API"), re.DOTALL | re.MULTILINE)


def test_the_examples_of_the_api_are_what_the_node_reads_and_writes() -> None:
    asked, answered, opening, token, page = map(json.loads, EXAMPLES)
    last = make_example.tell()[5]
    assert last.signed is not None
    item = OrderItem.model_validate(asked)
    assert codec.from_base64url(item.order, "order") == last.signed.wire
    assert submission.parse_item(asked) == submission.parse_item(dict(item))
    accepted = AcceptedOrder.model_validate(answered)
    assert accepted.order_id == last.signed.id.hex()
    assert codec.from_base64url(accepted.entry.leaf, "leaf") == last.entry.leaf
    assert accepted.receipt == make_example.make()["receipt"]
    [own] = accepted.postings
    entry.verify_posting(
        codec.from_base64url(own.posting, "posting"),
        codec.from_base64url(own.salt, "salt"),
        own.position,
        own.count,
        [codec.from_base64url(step, "path") for step in own.path],
        entry.decode_leaf(last.entry.leaf).postings[0],
    )
    opened = sessions.SessionRequest.model_validate(opening)
    wire = codec.from_base64url(opened.opening, "opening")
    assert declarations.open_session(wire).origin == make_example.ORIGIN
    assert sessions.SessionToken.model_validate(token).token in section("Statements")
    [line] = statement.Statement.model_validate_json(json.dumps(page)).lines
    assert line.order_id == accepted.order_id


def test_the_example_of_a_problem_is_what_the_node_writes() -> None:
    block = section("HTTP API").partition("application/problem+json`:\n\n")[2].partition("\n\n")[0]
    stated = json.loads(block)
    stated.pop("instance")
    assert stated == describe_problem(errors.CreditLimitExceeded([102], 50, 1_051, -1_000))


def test_every_vector_file_is_listed_and_every_listed_one_is_there() -> None:
    folder = ROOT / "tests" / "vectors"
    table = [(codes(name)[0], under.split(", ")) for name, under, _ in rows("Test vectors", "file")]
    there = {f"{path.parent.name}/{path.name}" for path in folder.glob("*/*.json")}
    matched = {
        place: fnmatch.filter(sorted(there), place)
        for pattern, unders in table
        for under in unders
        for place in (f"{under}/{pattern}",)
    }
    assert [place for place, found in matched.items() if not found] == []
    assert there == {name for found in matched.values() for name in found}


def test_the_worked_example_is_what_its_script_makes() -> None:
    assert make_example.PATH.read_text() == make_example.write(), (
        "run python -m tests.vectors.make_example"
    )
