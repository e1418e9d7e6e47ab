"""The errors that only a node has, in the tree rooted at ``ledger.errors.TallystickError``.

::

    TallystickError
      PostgresUnavailable       the node's own PostgreSQL cannot be started, or has stopped
      NodeUnfit                 what stops a node from starting, or ends it
        AnotherWriter             another node writes this circle's log
        HeadMoved                 the stored head is not the one this writer left
        HistoryLost               the database is older than what this node has acknowledged
        DatabaseUnsuitable        settings or a schema that this node must not run on
        NotInitialised            no circle was made here yet
        AlreadyInitialised        something is here already
        FoundingRefused           a circle that cannot be made with these options
        CannotListen              the port is taken, or not this node's to take
      Unavailable               no verdict now; the same order may be sent again
        Overloaded                more orders wait than the node takes
        Frozen                    the node only reads, until somebody mends what it found
        Quarantined               this order makes the database fail, so it is set apart
        NotCosigned               no head has the cosignatures that the circle asks for
      RequestError              refused at the HTTP edge; no handler ran
        HttpMalformed             not HTTP/1.1 as RFC 9112 has it
        HeadersTooLarge           a request line or header field beyond the limit
        PathUnknown               nothing lives at this path
        MethodNotAllowed          something lives here, and not for this method
        SessionMissing            for signed-in people, and asked without a session
        ContentEncodingRefused    a compressed body
        MediaTypeUnsupported      a body of another kind than the operation takes
        BodyTooLarge              more bytes than the limit
        BodyTooSlow               a body that dribbles
        JsonInvalid               a body that is not one plain JSON value
        RequestInvalid            parameters or a body that do not fit their schema
        NotFound                  nothing there by that number or id
        NotYours                  there, and not for the one who asks
        TooMany                   as many of something as there may be
        PlaceMissing              a search nearby by somebody who said of no place that it is theirs
        TooManyOpenRequests       an account has as many open payment requests as it may
        CalendarZoneUnset         events before anybody said which time zone the circle is in
        EventInvalid              a time, repeat or zone that the calendar cannot take
        TooManyEvents             somebody has made as many events as they may
        NotPermitted              something that is for others to do
        NoSafeguarder             a concern that nobody here may read
        NoCoordinator             a complaint that nobody here may read
        EventOver                 an answer to what is over or was cancelled
        EventFull                 more guests than there are places left
        HelpOver                  a request for help that is over, or was cancelled
        HelpTaken                 a yes or no to a request for help that comes too late
        AskerUntold               a helper collects before the asker had their time to object
        SessionRefused            a session opening that is not accepted, or a token that is over
        LogNotWitnessed           a head of a log that this node does not witness
        CheckpointUnsigned        a head that its log did not sign
        CheckpointInconsistent    a head that does not continue the one cosigned last
      WitnessUnusable           a witness, or a log to witness, that cannot be added or asked
      NoWay                     no link has room for a payment to that circle now
      PeerRefused               an agreement with another circle that does not come about
      NotErasable               a person who is still a member, or an officer
      InternalError             a fault of the node's own, told without its details
      RecordsDamaged            a row is missing that the log says is there
"""

from __future__ import annotations

from pathlib import Path

from ledger.errors import TallystickError


class PostgresUnavailable(TallystickError):
    """The node's own PostgreSQL cannot be started, or has stopped.

    ``reason`` completes "The PostgreSQL in <directory> ...".
    """

    code = "postgres-unavailable"

    def __init__(self, directory: Path, reason: str) -> None:
        self.directory, self.reason = str(directory), reason
        super().__init__(f"The PostgreSQL in {directory} {reason}.")


class NodeUnfit(TallystickError):
    """What stops a node from starting, or ends it: its operator has to act."""

    code = "node-unfit"


class AnotherWriter(NodeUnfit):
    """The circle's lock is held by another node process."""

    code = "another-writer"

    def __init__(self) -> None:
        super().__init__("Another node is writing this circle's log; stop it first.")


class HeadMoved(NodeUnfit):
    """The stored head is not the one this writer left: somebody else wrote."""

    code = "head-moved"

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"The log no longer ends at {size}: another writer was here.")


class HistoryLost(NodeUnfit):
    """The database ends before what this node has already acknowledged."""

    code = "history-lost"

    def __init__(self, found: int, known: int, witness: str) -> None:
        self.found, self.known = found, known
        super().__init__(
            f"The {found} entries in the database do not continue the {known} that {witness} knows "
            "of: it is an old backup. Restore the newest one; SECURITY.md says what to do when "
            "there is none."
        )


class DatabaseUnsuitable(NodeUnfit):
    """PostgreSQL settings or a schema that a node must not run on."""

    code = "database-unsuitable"


class NotInitialised(NodeUnfit):
    """A data directory without a circle."""

    code = "not-initialised"

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory)
        super().__init__(
            f"There is no circle in {directory}; make one with: tallyd init {directory}"
        )


class AlreadyInitialised(NodeUnfit):
    """A data directory that has something in it."""

    code = "already-initialised"

    def __init__(self, directory: Path) -> None:
        self.directory = str(directory)
        super().__init__(f"{directory} is not empty; a new circle needs a directory of its own.")


class FoundingRefused(NodeUnfit):
    """An option with which no circle can be made; ``reason`` completes "<option> ..."."""

    code = "founding-refused"

    def __init__(self, option: str, reason: str) -> None:
        self.option, self.reason = option, reason
        super().__init__(f"{option} {reason}.")


class CannotListen(NodeUnfit):
    """The address to listen on is taken, or not this node's to take. ``reason`` says which."""

    code = "cannot-listen"

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host, self.port, self.reason = host, port, reason
        super().__init__(
            f"The node cannot listen on port {port} of {host}: {reason}. Another port is chosen by "
            "the setting listen in node.toml, or by TALLYD_LISTEN."
        )


class Unavailable(TallystickError):
    """The node gives no verdict now; the same order may be sent again later."""

    code = "unavailable"


class Overloaded(Unavailable):
    """More orders, requests, bodies or connections wait than the node takes at once."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("The node has too much to do; send the same again in a few seconds.")


class Frozen(Unavailable):
    """The node only reads, until somebody mends what it found."""

    code = "frozen"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The node takes no orders now: {reason}.")


class Quarantined(Unavailable):
    """An order that makes the database fail, set apart so that it hurts no other."""

    code = "quarantined"

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        super().__init__(f"The order {order_id} cannot be stored; tell the node's operator.")


class NotCosigned(Unavailable):
    """No head of the log has as many cosignatures as the circle asks for, or it has none yet."""

    code = "not-cosigned"

    def __init__(self, needed: int) -> None:
        self.needed = needed
        super().__init__(
            f"No head of this log has the {needed} cosignatures yet that its circle asks for."
        )


class RequestError(TallystickError):
    """A request refused for its form, or for the edge's limits, before any handler ran."""

    code = "request-error"


class HttpMalformed(RequestError):
    """Bytes that are not an HTTP/1.1 request (RFC 9112)."""

    code = "http-malformed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This is not a well-formed HTTP request: {reason}.")


class HeadersTooLarge(RequestError):
    """A request line or a header field longer than the node reads. The limits are bytes."""

    code = "headers-too-large"

    def __init__(self, line_limit: int, field_limit: int) -> None:
        self.line_limit, self.field_limit = line_limit, field_limit
        super().__init__(
            f"A request line may have {line_limit} bytes and a header field {field_limit}; "
            "send a shorter one."
        )


class PathUnknown(RequestError):
    """No operation has this path."""

    code = "path-unknown"

    def __init__(self, path: str) -> None:
        super().__init__(f"There is nothing at {path[:200]!a}; /api/v1/docs lists what there is.")


class MethodNotAllowed(RequestError):
    """The path exists, for other methods."""

    code = "method-not-allowed"

    def __init__(self, method: str, allowed: list[str]) -> None:
        self.method, self.allowed = method, allowed
        super().__init__(f"{method} is not possible here; use {' or '.join(allowed)}.")


class SessionMissing(RequestError):
    """An operation for signed-in people, asked without a usable Authorization header (RFC 6750)."""

    code = "session-missing"

    def __init__(self) -> None:
        super().__init__("Sign in, and send the header Authorization: Bearer with your token.")


class ContentEncodingRefused(RequestError):
    """A body under a Content-Encoding: what it unpacks to cannot be bounded cheaply."""

    code = "content-encoding-refused"

    def __init__(self, content_encoding: str) -> None:
        self.content_encoding = content_encoding[:100]
        super().__init__(
            f"A body may not be compressed ({self.content_encoding!a}); send it plain."
        )


class MediaTypeUnsupported(RequestError):
    """A body of a media type that this operation does not take."""

    code = "media-type-unsupported"

    def __init__(self, content_type: str, accepted: list[str]) -> None:
        self.content_type, self.accepted = content_type[:100], accepted
        super().__init__(
            f"A body of type {self.content_type!a} is not taken here; "
            f"send the Content-Type {' or '.join(accepted)}."
        )


class BodyTooLarge(RequestError):
    """A body of more bytes than ``limit``."""

    code = "body-too-large"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"A body may have {limit} bytes; send less at once.")


class BodyTooSlow(RequestError):
    """A body that came in at less than ``rate`` bytes a second."""

    code = "body-too-slow"

    def __init__(self, rate: int) -> None:
        self.rate = rate
        super().__init__(f"The body came at less than {rate} bytes a second; send it again.")


class JsonInvalid(RequestError):
    """A body that is not one JSON value (RFC 8259) without duplicate keys and within limits."""

    code = "json-invalid"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The body is not usable JSON: {reason}.")


class RequestInvalid(RequestError):
    """Parameters or a body that do not fit their schema. ``errors`` has a sentence for each."""

    code = "request-invalid"

    def __init__(self, errors: list[str]) -> None:
        self.errors = errors
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"The request does not fit its description: {errors[0]}{more}.")


class NotFound(RequestError):
    """Something asked for by a number or id that is not there, or not for the one who asks."""

    code = "not-found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no {what} that you can see.")


class NotYours(RequestError):
    """Something that is there and is not for the one who asks."""

    code = "not-yours"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"You may not see {what}: it is for those whom it is about, and for the officers."
        )


class TooMany(RequestError):
    """There are ``limit`` of something already, and there may not be more."""

    code = "too-many"

    def __init__(self, what: str, limit: int) -> None:
        self.limit = limit
        super().__init__(f"There are {limit} {what} already, and no more are kept: end one first.")


class PlaceMissing(RequestError):
    """A search nearby by somebody whose profile has no place on the map."""

    code = "place-missing"

    def __init__(self) -> None:
        super().__init__(
            "What is near cannot be found before your profile says, as coarsely as you like, where "
            "you are on the map."
        )


class TooManyOpenRequests(RequestError):
    """An account that has ``limit`` payment requests which are neither paid nor over."""

    code = "open-requests"

    def __init__(self, account: int, limit: int) -> None:
        self.account, self.limit = account, limit
        super().__init__(
            f"Account {account} has {limit} open payment requests; wait until some are over."
        )


class CalendarZoneUnset(RequestError):
    """An event before a coordinator has said which time zone the circle is in."""

    code = "calendar-zone-unset"

    def __init__(self) -> None:
        super().__init__(
            "The calendar does not know yet which time zone the circle is in; a coordinator says "
            "it once, such as Europe/London."
        )


class EventInvalid(RequestError):
    """A time, a repeat or a time zone that the calendar cannot take.

    ``reason`` completes "The calendar cannot take this: ...".
    """

    code = "event-invalid"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The calendar cannot take this: {reason}.")


class TooManyEvents(RequestError):
    """Somebody who has ``limit`` events that are still to come or were made lately."""

    code = "too-many-events"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"You have {limit} events in the calendar that are to come or new, which is as many as "
            "there may be; wait until some are over, or make one that repeats."
        )


class NotPermitted(RequestError):
    """Something that is for others to do. ``who`` may do ``what``."""

    code = "not-permitted"

    def __init__(self, who: str, what: str) -> None:
        super().__init__(f"Only {who} may {what}.")


class NoSafeguarder(RequestError):
    """A concern that nobody may read: all who would are those whom it is about, or near them."""

    code = "no-safeguarder"

    def __init__(self) -> None:
        super().__init__(
            "Nobody in this circle may read this concern, because it is about them or about "
            "somebody they share an account with: take it to your council's safeguarding team, "
            "and in an emergency call the emergency number."
        )


class NoCoordinator(RequestError):
    """A complaint that nobody may read: all coordinators are whom it is about, or near them."""

    code = "no-coordinator"

    def __init__(self) -> None:
        super().__init__(
            "No coordinator may read this complaint, because it is about them or about somebody "
            "they share an account with: it is not kept. Tell an auditor of the circle, or bring "
            "it up where the members meet."
        )


class EventOver(RequestError):
    """An answer to an event that is ``state``: over or cancelled."""

    code = "event-over"

    def __init__(self, event: int, state: str) -> None:
        self.event, self.state = event, state
        super().__init__(f"Event {event} is {state} on that day.")


class EventFull(RequestError):
    """More guests than there are places, asked for by somebody who has one. ``left`` are free."""

    code = "event-full"

    def __init__(self, event: int, left: int) -> None:
        self.event, self.left = event, left
        super().__init__(
            f"Event {event} has room for {left} of you in all, so you keep the places that you "
            "have; come with fewer guests."
        )


class HelpOver(RequestError):
    """Something about a request for help that is over or was cancelled."""

    code = "help-over"

    def __init__(self, request: int) -> None:
        self.request = request
        super().__init__(f"Request {request} is over: nothing more is needed. Thank you.")


class HelpTaken(RequestError):
    """A yes or no to a request for help that does not fit any more. ``reason`` says why."""

    code = "help-taken"

    def __init__(self, request: int, reason: str) -> None:
        self.request, self.reason = request, reason
        super().__init__(f"Request {request}: {reason}.")


class AskerUntold(RequestError):
    """A helper collects by the asker's silence, who was not told for long enough."""

    code = "asker-untold"

    def __init__(self, request: int) -> None:
        self.request = request
        super().__init__(
            f"Who asked for help {request} has three days to object from when they are told that it"
            " is done; until then they, or a coordinator, can pay you."
        )


class SessionRefused(RequestError):
    """A session opening that is not accepted, or a token that is over."""

    code = "session-refused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"You are not signed in: {reason}; sign in again.")


class LogNotWitnessed(RequestError):
    """A head of a log that this node was not asked to witness (C2SP tlog-witness)."""

    code = "log-not-witnessed"

    def __init__(self, origin: str) -> None:
        self.origin = origin
        super().__init__(f"This node is no witness of the log {origin!r:.270}; ask its operator.")


class CheckpointUnsigned(RequestError):
    """A head for a witness, without a good signature of its log's known key."""

    code = "checkpoint-unsigned"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The log did not sign this checkpoint: {reason}.")


class CheckpointInconsistent(RequestError):
    """A head for a witness that does not continue, or does not prove to, what it cosigned last."""

    code = "checkpoint-inconsistent"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The checkpoint does not continue the one cosigned last: {reason}.")


class WitnessUnusable(TallystickError):
    """A witness, or a log to witness, that cannot be added, asked or believed.

    ``witness`` is its address or its name.
    """

    code = "witness-unusable"

    def __init__(self, witness: str, reason: str) -> None:
        self.witness, self.reason = witness, reason
        super().__init__(f"{witness} cannot be used: {reason}.")


class NoWay(TallystickError):
    """No way to another circle has room for as much at the moment."""

    code = "no-way"

    def __init__(self, circle: str) -> None:
        self.circle = circle
        super().__init__(
            f"There is no way to {circle} with room for just that at the moment; try another "
            "amount, or later."
        )


class PeerRefused(TallystickError):
    """An agreement with another circle that does not come about. ``reason`` is half a sentence."""

    code = "peer-refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{reason[:1].upper()}{reason[1:]}.")


class NotErasable(TallystickError):
    """A person who still holds an open account or an office, so their name is still needed."""

    code = "not-erasable"

    def __init__(self, person: int, accounts: list[int], offices: list[str]) -> None:
        self.person, self.accounts, self.offices = person, accounts, offices
        held = [f"account {number}" for number in accounts]
        held += [f"the office of {office}" for office in offices]
        super().__init__(
            f"Person {person} still holds {', '.join(held)}: first a coordinator ends that, with"
            " tally officer close, or dismiss."
        )


class InternalError(TallystickError):
    """A fault of the node's own; the details are in its log, under the id of the request."""

    code = "internal-error"

    def __init__(self) -> None:
        super().__init__("Something went wrong on the node's side; its log says what.")


class RecordsDamaged(TallystickError):
    """Something is missing from the node's database that its log says is there.

    ``missing`` names it. Nothing is lost to whoever kept receipts; its operator has to act.
    """

    code = "records-damaged"

    def __init__(self, missing: str) -> None:
        self.missing = missing
        super().__init__(
            f"The node's records are damaged: {missing} is missing. Tell its operator, who has to "
            "run: tallyd check"
        )
