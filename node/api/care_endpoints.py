"""The operations of complaints, safeguarding and duty, one line each."""

from __future__ import annotations

from ledger.errors import PersonUnknown
from node.api import care, care_duty, complaints
from node.errors import (
    CalendarZoneUnset,
    NoCoordinator,
    NoSafeguarder,
    NotFound,
    NotPermitted,
    NotYours,
    RequestInvalid,
    TooMany,
)
from node.http.endpoint import Endpoint, endpoint

V1 = "/api/v1"
CARE, DUTY, COMPLAINTS = ("safeguarding",), ("duty",), ("complaints",)
SUSPENSION = f"{V1}/people/{{person}}/suspension"
CONCERN = f"{V1}/concerns/{{concern}}"
DAY = f"{V1}/duty/days/{{day}}"
_NOTING = (NotFound, TooMany)
_JUDGING = (NotPermitted, PersonUnknown)
_ROTA = (NotPermitted, CalendarZoneUnset, PersonUnknown)

CARE_ENDPOINTS: tuple[Endpoint, ...] = (
    endpoint(
        "POST",
        f"{V1}/complaints",
        complaints.complain,
        tags=COMPLAINTS,
        raises=(
            *(NotFound, NotPermitted, PersonUnknown, RequestInvalid, TooMany),
            NoCoordinator,
        ),
    ),
    endpoint(
        "GET",
        f"{V1}/complaints",
        complaints.list_complaints,
        tags=COMPLAINTS,
        raises=(NotYours,),
    ),
    endpoint(
        "PUT",
        f"{V1}/complaints/{{number}}",
        complaints.settle_complaint,
        tags=COMPLAINTS,
        raises=(NotPermitted, NotFound),
    ),
    endpoint("GET", f"{V1}/safeguarding", care.get_safeguarding, tags=CARE, raises=(NotPermitted,)),
    endpoint("PUT", f"{V1}/safeguarding", care.change_safeguarding, tags=CARE, raises=_JUDGING),
    endpoint(
        "POST",
        f"{V1}/concerns",
        care.add_concern,
        tags=CARE,
        raises=(NotPermitted, PersonUnknown, TooMany, NoSafeguarder),
    ),
    endpoint("GET", f"{V1}/concerns", care.list_concerns, tags=CARE, raises=(NotYours,)),
    endpoint("GET", CONCERN, care.get_concern, tags=CARE, raises=(NotFound,)),
    endpoint("POST", f"{CONCERN}/notes", care.add_concern_note, tags=CARE, raises=_NOTING),
    endpoint("PUT", f"{CONCERN}/outcome", care.settle_concern, tags=CARE, raises=(NotFound,)),
    endpoint("PUT", f"{CONCERN}/handed-on", care.hand_on_concern, tags=CARE, raises=(NotFound,)),
    endpoint("PUT", f"{CONCERN}/pin", care.keep_concern, tags=CARE, raises=(NotFound,)),
    endpoint("DELETE", f"{CONCERN}/pin", care.let_concern_go, tags=CARE, raises=(NotFound,)),
    endpoint("GET", f"{V1}/suspensions", care.list_suspensions, tags=CARE, raises=(NotYours,)),
    endpoint("GET", SUSPENSION, care.get_suspension, tags=CARE, raises=(NotYours, PersonUnknown)),
    endpoint("PUT", SUSPENSION, care.add_suspension, tags=CARE, raises=_JUDGING),
    endpoint("DELETE", SUSPENSION, care.drop_suspension, tags=CARE, raises=_JUDGING),
    endpoint(
        "GET", f"{V1}/duty", care_duty.get_duty, tags=DUTY, raises=(NotPermitted, RequestInvalid)
    ),
    endpoint("GET", f"{V1}/duty/week", care_duty.get_duty_week, tags=DUTY, raises=(NotPermitted,)),
    endpoint(
        "PUT",
        f"{V1}/duty/week/{{weekday}}",
        care_duty.change_duty_weekday,
        tags=DUTY,
        raises=_ROTA,
    ),
    endpoint("PUT", DAY, care_duty.change_duty_day, tags=DUTY, raises=(*_ROTA, RequestInvalid)),
    endpoint("DELETE", DAY, care_duty.drop_duty_day, tags=DUTY, raises=(NotPermitted,)),
    endpoint(
        "POST",
        f"{V1}/duty/swap",
        care_duty.swap_duty,
        tags=DUTY,
        raises=(*_ROTA, NotFound, RequestInvalid),
    ),
    endpoint("GET", f"{V1}/duty/notes", care_duty.list_handover, tags=DUTY, raises=(NotYours,)),
    endpoint(
        "POST",
        f"{V1}/duty/notes",
        care_duty.add_handover_note,
        tags=DUTY,
        raises=(NotPermitted, PersonUnknown, TooMany),
    ),
)
