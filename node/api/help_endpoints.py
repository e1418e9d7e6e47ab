"""The operations of help, one line each."""

from __future__ import annotations

from typing import Literal

from ledger.errors import PersonUnknown, TallystickError
from node.api import desk, help_requests, helping, referrals, visits
from node.errors import (
    CalendarZoneUnset,
    EventInvalid,
    HelpOver,
    HelpTaken,
    NotFound,
    NotPermitted,
    NotYours,
    RequestInvalid,
    TooMany,
)
from node.http.endpoint import Endpoint, Handler, endpoint

V1 = "/api/v1"
_REQUEST = f"{V1}/help/{{request}}"
_Method = Literal["GET", "POST", "PUT", "DELETE"]
_VISIT = f"{V1}/visits/{{visit}}"


def _on(method: _Method, path: str, handler: Handler, *raises: type[TallystickError]) -> Endpoint:
    return endpoint(method, path, handler, tags=("help",), raises=raises)


HELP_ENDPOINTS: tuple[Endpoint, ...] = (
    _on("GET", f"{V1}/help-terms", helping.get_terms),
    _on("PUT", f"{V1}/help-terms", helping.change_terms, NotPermitted),
    _on("GET", f"{V1}/people/{{person}}/helper", helping.get_helper, NotYours, NotFound),
    _on(
        *("PUT", f"{V1}/people/{{person}}/helper", helping.change_helper),
        *(NotPermitted, PersonUnknown, RequestInvalid),
    ),
    _on(
        *("DELETE", f"{V1}/people/{{person}}/helper", helping.end_helper),
        *(NotPermitted, NotFound),
    ),
    _on("GET", f"{V1}/help", help_requests.list_help_requests),
    _on(
        *("POST", f"{V1}/help", help_requests.make_help_request),
        *(NotPermitted, PersonUnknown, TooMany, CalendarZoneUnset, EventInvalid, RequestInvalid),
    ),
    _on("GET", _REQUEST, help_requests.get_help_request, NotFound),
    _on(
        "PUT", f"{_REQUEST}/promise", help_requests.promise_help, NotFound, HelpOver, RequestInvalid
    ),
    _on(
        *("PUT", f"{_REQUEST}/yes", visits.answer_yes),
        *(NotPermitted, NotFound, HelpOver, HelpTaken, EventInvalid, RequestInvalid),
    ),
    _on("PUT", f"{_REQUEST}/no", visits.answer_no, NotPermitted, NotFound, HelpTaken),
    _on(
        *("PUT", f"{_REQUEST}/helper", visits.accept_helper),
        *(NotFound, HelpOver, HelpTaken, RequestInvalid),
    ),
    _on(
        *("PUT", f"{_REQUEST}/picked", visits.pick_helper),
        *(NotFound, HelpOver, HelpTaken, RequestInvalid),
    ),
    _on("PUT", f"{_REQUEST}/declined", visits.decline_helper, NotFound, HelpTaken),
    _on("DELETE", _REQUEST, visits.cancel_help_request, NotFound, HelpOver),
    _on("PUT", f"{_VISIT}/left", visits.leave_visit, NotFound, HelpOver),
    _on("PUT", f"{_VISIT}/done", visits.finish_visit, NotFound, HelpOver, RequestInvalid),
    _on("PUT", f"{_VISIT}/missed", visits.miss_visit, NotFound, HelpOver, RequestInvalid),
    _on("PUT", f"{_VISIT}/found", visits.confirm_miss, NotPermitted, NotFound, HelpOver),
    _on("PUT", f"{_VISIT}/thanks", visits.thank_helper, NotFound, HelpOver),
    _on("GET", f"{V1}/referral-terms", referrals.list_referral_terms),
    _on(
        *("PUT", f"{V1}/referral-terms/{{circle}}", referrals.change_referral_terms),
        *(NotPermitted, NotFound, RequestInvalid),
    ),
    _on("PUT", f"{_REQUEST}/wider", referrals.change_wider, NotFound, HelpOver, RequestInvalid),
    _on(
        *("PUT", f"{_REQUEST}/neighbours/{{offer}}/accepted", referrals.accept_neighbour),
        *(NotFound, HelpOver, HelpTaken, CalendarZoneUnset),
    ),
    _on(
        *("PUT", f"{_REQUEST}/neighbours/{{offer}}/declined", referrals.decline_neighbour),
        *(NotFound, HelpTaken),
    ),
    _on("PUT", f"{_VISIT}/payment", referrals.name_payment, NotFound, RequestInvalid),
    _on("GET", f"{V1}/desk", desk.get_desk, NotPermitted),
    _on("GET", f"{_REQUEST}/ranking", desk.get_ranking, NotPermitted, NotFound),
    _on(
        *("GET", f"{_REQUEST}/ranking/{{person}}", desk.explain_absence),
        *(NotPermitted, NotFound),
    ),
    _on(
        *("PUT", f"{_REQUEST}/asks/{{person}}", desk.ask_by_hand),
        *(NotPermitted, NotFound, HelpOver, HelpTaken),
    ),
    _on(
        *("PUT", f"{_REQUEST}/asks/{{person}}/no-reply", desk.note_no_reply),
        *(NotPermitted, NotFound),
    ),
)
