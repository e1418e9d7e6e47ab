"""The node's operations, one line each, and the application made of them."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ledger.errors import (
    AccountClosed,
    DeviceUnusable,
    InvalidNote,
    InvalidSignature,
    MalformedObject,
    NotAuthorised,
    PersonMismatch,
    PersonUnknown,
    Refused,
    TextMismatch,
    Unacceptable,
    UnknownDevice,
    WrongCircle,
)
from node.api import (
    accounts,
    audit,
    entry_view,
    everything,
    gossip,
    log,
    me,
    open_numbers,
    orders,
    pages,
    payments,
    peers,
    people,
    quotes,
    referrals,
    requests,
    sessions,
    statement,
    wellknown,
    witness,
)
from node.api.calendar_endpoints import CALENDAR_ENDPOINTS
from node.api.care_endpoints import CARE_ENDPOINTS
from node.api.directory_endpoints import DIRECTORY_ENDPOINTS
from node.api.help_endpoints import HELP_ENDPOINTS
from node.api.talking_endpoints import TALKING_ENDPOINTS
from node.circle import Circle
from node.errors import (
    AskerUntold,
    BodyTooLarge,
    CheckpointInconsistent,
    CheckpointUnsigned,
    Frozen,
    HistoryLost,
    LogNotWitnessed,
    NotCosigned,
    NotFound,
    NotPermitted,
    NotYours,
    NoWay,
    Overloaded,
    PeerRefused,
    Quarantined,
    RecordsDamaged,
    RequestInvalid,
    SessionRefused,
    TooManyOpenRequests,
)
from node.http.app import Bearer, HttpApp, build_app
from node.http.body import ANY
from node.http.endpoint import Endpoint, endpoint
from node.http.limits import HttpLimits
from node.http.openapi import ApiInfo
from node.http.problem import every_error
from node.http.reply import Reply
from node.writer import CONNECTION_LOST

JSON = "application/json"
TEXT = "text/plain"
HTML = "text/html"
CSV = "text/csv"
BYTES = "application/octet-stream"
V1 = "/api/v1"

DESCRIPTION = (
    "The ledger of one circle. Whatever moves tokens is an order that a device signed; "
    "everything else reads, or is beside the ledger. The bytes are described in protocol.md."
)
VERDICTS = (*every_error(Unacceptable), *every_error(Refused))


async def get_metrics(state: Circle) -> Reply:
    """Counters and gauges for Prometheus; nothing in them is about a person."""
    return Reply(generate_latest(state.registry), content_type=CONTENT_TYPE_LATEST)


ENDPOINTS: tuple[Endpoint, ...] = (
    endpoint(
        "POST",
        f"{V1}/orders",
        orders.submit_orders,
        tags=("orders",),
        accepts={JSON: orders.OrderItem | orders.OrderList},
        produces={JSON: orders.AcceptedOrder | orders.OrderResults},
        raises=(*VERDICTS, TextMismatch, AskerUntold, Overloaded, Frozen, Quarantined),
    ),
    endpoint(
        "POST",
        f"{V1}/sessions",
        sessions.open_session,
        tags=("sessions",),
        raises=(MalformedObject, InvalidSignature, WrongCircle, SessionRefused, HistoryLost),
    ),
    endpoint("DELETE", f"{V1}/sessions", sessions.close_session, tags=("sessions",)),
    endpoint("GET", "/.well-known/tallystick", wellknown.get_circle, tags=("circle",)),
    endpoint(
        "GET",
        "/health",
        wellknown.get_health,
        tags=("circle",),
        produces={JSON: wellknown.Health},
        others={503: {JSON: wellknown.Health}},
    ),
    endpoint("GET", "/metrics", get_metrics, tags=("circle",), produces={CONTENT_TYPE_LATEST: str}),
    endpoint(
        "GET",
        "/checkpoint",
        log.get_checkpoint,
        tags=("log",),
        produces={TEXT: str},
        raises=(NotCosigned,),
    ),
    endpoint(
        "GET",
        "/tile/{path...}",
        log.get_tile,
        tags=("log",),
        produces={BYTES: bytes},
        raises=(NotFound,),
    ),
    endpoint(
        "POST",
        "/add-checkpoint",
        witness.add_checkpoint,
        tags=("witness",),
        accepts={ANY: str},
        produces={TEXT: str},
        others={409: {witness.SIZE: str}},
        raises=(
            *(InvalidNote, LogNotWitnessed, CheckpointUnsigned, CheckpointInconsistent),
            *(RequestInvalid, BodyTooLarge),
        ),
    ),
    endpoint(
        "GET",
        "/{origin_hash}/checkpoint",
        witness.get_witnessed_checkpoint,
        tags=("witness",),
        produces={TEXT: str},
        raises=(NotFound,),
    ),
    endpoint(
        "GET",
        f"{V1}/entries/{{index}}/proof",
        log.get_entry_proof,
        tags=("log",),
        produces={TEXT: str},
        raises=(NotFound,),
    ),
    endpoint(
        "GET", f"{V1}/consistency", log.get_consistency, tags=("log",), raises=(RequestInvalid,)
    ),
    endpoint(
        "GET",
        f"{V1}/entries/{{index}}",
        entry_view.get_entry,
        tags=("log",),
        produces={JSON: entry_view.EntryView},
        raises=(NotFound,),
    ),
    endpoint("GET", f"{V1}/me", me.get_me, tags=("people",)),
    endpoint(
        "GET",
        f"{V1}/people",
        people.find_people,
        tags=("people",),
        raises=(NotYours, NotPermitted),
    ),
    endpoint(
        "GET",
        f"{V1}/people/{{person}}/everything",
        everything.get_everything,
        tags=("people",),
        produces={JSON: everything.Everything},
        raises=(NotYours, PersonUnknown),
    ),
    endpoint(
        "GET",
        f"{V1}/people/{{person}}/devices",
        people.list_devices,
        tags=("people",),
        raises=(NotYours, PersonUnknown),
    ),
    endpoint(
        "POST",
        "/peer/v1/exchange",
        peers.exchange,
        tags=("peers",),
        accepts={BYTES: bytes},
        produces={BYTES: bytes},
        raises=(MalformedObject, InvalidSignature, NotFound, Overloaded, Frozen),
    ),
    endpoint(
        "POST",
        "/peer/v1/agreements",
        peers.ask_agreement,
        tags=("peers",),
        raises=(MalformedObject, InvalidSignature, PeerRefused),
    ),
    endpoint(
        "PUT",
        "/peer/v1/agreements",
        peers.conclude_agreement,
        tags=("peers",),
        raises=(MalformedObject, InvalidSignature, PeerRefused, Overloaded, Frozen),
    ),
    endpoint(
        "GET",
        "/peer/v1/payments/{payment}",
        peers.get_status,
        tags=("peers",),
        raises=(NotFound,),
    ),
    endpoint(
        "POST",
        "/peer/v1/gossip",
        gossip.meet,
        tags=("peers",),
        accepts={BYTES: bytes},
        produces={BYTES: bytes},
        raises=(MalformedObject, InvalidSignature, NotFound, Overloaded),
    ),
    endpoint(
        "POST",
        "/peer/v1/referrals",
        referrals.exchange_referrals,
        tags=("peers",),
        accepts={BYTES: bytes},
        produces={BYTES: bytes},
        raises=(MalformedObject, InvalidSignature, NotFound),
    ),
    endpoint("GET", f"{V1}/circles", gossip.list_circles, tags=("peers",)),
    endpoint("GET", f"{V1}/peers", peers.list_peers, tags=("peers",)),
    endpoint(
        "GET",
        f"{V1}/quote",
        quotes.get_quote,
        tags=("peers",),
        raises=(NotFound, NoWay, RequestInvalid),
    ),
    endpoint(
        "GET", f"{V1}/payments", payments.list_payments, tags=("accounts",), raises=(NotFound,)
    ),
    endpoint(
        "GET",
        f"{V1}/payments/{{payment}}",
        payments.get_payment,
        tags=("accounts",),
        raises=(NotFound,),
    ),
    endpoint("GET", f"{V1}/officers", people.list_officers, tags=("people",)),
    endpoint(
        "GET",
        f"{V1}/accounts/{{number}}",
        accounts.get_account,
        tags=("accounts",),
        raises=(NotFound,),
    ),
    endpoint(
        "GET",
        f"{V1}/accounts/{{number}}/statement",
        statement.get_statement,
        tags=("accounts",),
        produces={JSON: statement.Statement, CSV: str},
        raises=(NotFound, RecordsDamaged),
    ),
    endpoint("GET", f"{V1}/holds", accounts.list_holds, tags=("accounts",), raises=(NotFound,)),
    endpoint(
        "POST",
        f"{V1}/requests",
        requests.make_request,
        tags=("requests",),
        raises=(
            *(MalformedObject, TextMismatch, InvalidSignature, WrongCircle, UnknownDevice),
            *(DeviceUnusable, PersonMismatch, NotAuthorised, AccountClosed, TooManyOpenRequests),
        ),
    ),
    endpoint(
        "GET",
        f"{V1}/requests",
        requests.list_requests,
        tags=("requests",),
        raises=(NotFound,),
    ),
    endpoint(
        "GET",
        f"{V1}/requests/{{request_id}}",
        requests.get_request,
        tags=("requests",),
        raises=(NotFound,),
    ),
    *DIRECTORY_ENDPOINTS,
    endpoint(
        "GET", f"{V1}/audit/entries", audit.audit_entries, tags=("audit",), raises=(NotYours,)
    ),
    *CALENDAR_ENDPOINTS,
    *TALKING_ENDPOINTS,
    *CARE_ENDPOINTS,
    *HELP_ENDPOINTS,
    endpoint(
        "GET",
        f"{V1}/open",
        open_numbers.get_open_numbers,
        tags=("circle",),
        produces={JSON: open_numbers.OpenNumbers, CSV: str},
        others={304: {JSON: str}},
    ),
    endpoint("GET", "/open", open_numbers.get_open_page, produces={HTML: str}, documented=False),
    endpoint("GET", "/", pages.get_front_page, produces={HTML: str}, documented=False),
    endpoint("GET", "/join", pages.get_join_page, produces={HTML: str}, documented=False),
    endpoint("GET", "/pay", pages.get_pay_page, produces={HTML: str}, documented=False),
)


def build(circle: Circle, *, limits: HttpLimits | None = None) -> HttpApp:
    """The application that serves a circle."""
    return build_app(
        ENDPOINTS,
        info=ApiInfo(
            title=f"{circle.writer.loaded.state.rules.name.decode()}: Tallystick",
            version=version("tallystick"),
            description=DESCRIPTION,
            servers=(circle.config.public_url,) if circle.config.public_url else (),
        ),
        registry=circle.registry,
        state=circle,
        bearer=Bearer(partial(sessions.find_session, circle), raises=(SessionRefused,)),
        outages=CONNECTION_LOST,
        limits=limits,
    )
