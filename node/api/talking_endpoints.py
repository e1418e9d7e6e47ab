"""The operations of notices and messages, one line each."""

from __future__ import annotations

from ledger.errors import PersonUnknown
from node.api import messages, notices
from node.errors import NotFound, NotPermitted, NotYours, TooMany
from node.http.endpoint import Endpoint, endpoint

HTML = "text/html"
V1 = "/api/v1"
_TAGS = ("talking",)

TALKING_ENDPOINTS: tuple[Endpoint, ...] = (
    endpoint("GET", f"{V1}/notices", notices.list_notices, tags=_TAGS),
    endpoint(
        "GET",
        f"{V1}/people/{{person}}/hours",
        notices.get_wishes,
        tags=_TAGS,
        raises=(NotYours,),
    ),
    endpoint(
        "PUT",
        f"{V1}/people/{{person}}/hours",
        notices.change_wishes,
        tags=_TAGS,
        raises=(NotPermitted, PersonUnknown),
    ),
    endpoint("GET", f"{V1}/ring-list", notices.list_errands, tags=_TAGS, raises=(NotPermitted,)),
    endpoint(
        "PUT",
        f"{V1}/ring-list/{{number}}",
        notices.tick_errand,
        tags=_TAGS,
        raises=(NotPermitted, NotFound),
    ),
    endpoint(
        "GET",
        f"{V1}/letters",
        notices.print_letters,
        tags=_TAGS,
        produces={HTML: str},
        raises=(NotPermitted,),
    ),
    endpoint(
        "POST",
        f"{V1}/announcements",
        notices.make_announcement,
        tags=_TAGS,
        raises=(NotPermitted, NotFound, TooMany),
    ),
    endpoint(
        "GET",
        f"{V1}/announcements",
        notices.list_announcements,
        tags=_TAGS,
        raises=(NotPermitted,),
    ),
    endpoint(
        "POST",
        f"{V1}/messages",
        messages.send_message,
        tags=_TAGS,
        raises=(NotPermitted, PersonUnknown, NotFound, TooMany),
    ),
    endpoint("GET", f"{V1}/threads", messages.list_threads, tags=_TAGS, raises=(NotPermitted,)),
    endpoint(
        "GET",
        f"{V1}/threads/{{thread}}",
        messages.get_thread,
        tags=_TAGS,
        raises=(NotPermitted, NotFound),
    ),
)
