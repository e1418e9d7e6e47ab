"""Who may do what over HTTP: every operation, asked as everybody, and what each is answered.

In the circle are

- ann, a coordinator, and ben, another one, with whom mia holds an account: he is of her household;
- aud, an auditor, and lou, the safeguarding lead, who are members like others;
- mia, whose it all is: the account, the listing, the event, the request for help, the thread;
  about her are the complaint and the concern;
- hal, who helps her; kit, who was asked and has not answered; gil, who was to come and gave it
  back;
- bob and sam, who were asked, before mia blocked the one and the other was suspended;
- zoe, a member who has nothing to do with it, but for the thread; fay, who left and has a session;
- and dot, a member without a device, for whom coordinators act.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

COORDINATORS: Final = frozenset({"ann", "ben"})
MEMBERS: Final = COORDINATORS | {"aud", "lou", "mia", "hal", "kit", "gil", "bob", "sam", "zoe"}
ALL: Final = MEMBERS | {"fay"}
MIA: Final = frozenset({"mia"})
HAL: Final = frozenset({"hal"})
LEAD: Final = frozenset({"lou"})
APART: Final = frozenset({"ann"})
"""The coordinator who is not of the household."""
CARERS: Final = COORDINATORS | LEAD
NOBODY: Final[frozenset[str]] = frozenset()

NO_SESSION: Final = frozenset(
    {
        *("submit_orders", "open_session", "make_request"),  # signed by a device
        *("get_circle", "get_health", "get_metrics", "list_officers", "list_circles", "list_peers"),
        *("get_checkpoint", "get_tile", "get_entry_proof", "get_consistency"),  # the public log
        *("add_checkpoint", "get_witnessed_checkpoint"),
        *("exchange", "ask_agreement", "conclude_agreement", "get_status", "meet"),  # signed by a
        "exchange_referrals",  # circle
        *("get_public_feed", "get_week_page"),
        *("get_private_feed", "get_own_week_page"),  # for whoever knows the address
        *("get_open_numbers", "get_open_page", "get_front_page", "get_join_page", "get_pay_page"),
        "get_entry",  # shows the leaf to everybody, and more to whom it concerns
    }
)
"""Operations that anybody may ask, without having signed in."""


@dataclass(frozen=True, slots=True)
class Row:
    """An operation asked with ``path`` and ``body``, in which ``{mia}`` and the like are filled in.

    Those in ``may`` are answered ``outcome``; the others the code ``refused``, or their own in
    ``apart``. What can be done ``once`` only one of those in ``may`` does.
    """

    operation: str
    path: str
    may: frozenset[str]
    refused: str
    outcome: str
    body: dict[str, Any] | None
    apart: dict[str, str]
    once: bool


def _row(
    operation: str,
    path: str,
    may: frozenset[str] = ALL,
    refused: str = "",
    *,
    outcome: str = "ok",
    body: dict[str, Any] | None = None,
    once: bool = False,
    apart: dict[str, str] | None = None,
) -> Row:
    return Row(operation, path, may, refused, outcome, body, apart or {}, once)


_NOT_YOURS, _NOT_PERMITTED, _NOT_FOUND = "not-yours", "not-permitted", "not-found"
_LEFT: Final = {"fay": _NOT_PERMITTED}
_TOLD: Final = MIA | COORDINATORS
_BOOKS: Final = _TOLD | {"aud"}
_NEIGHBOUR: Final = "0" * 64
_LISTING: Final = {"kind": "offer", "title": "Scones"}
_EVENT: Final = {
    "key": "{random}",
    "title": "Choir",
    "begins": "{soon}",
    "duration": 60,
}
_HELP: Final = {
    "key": "{random}",
    "category": "garden",
    "title": "Leaves to rake",
    "minutes": 60,
    "windows": [{"begins": "{soon}", "ends": "{later}"}],
}
_HELPER: Final = {
    "weekly": 600,
    "reach": 2000,
    "skills": ["garden"],
    "hours": [{"weekday": 1, "begins": "09:00", "ends": "10:00"}],
}
_CHECK: Final = {"checked_on": "2026-01-01", "expires": "2036-01-01"}

_PEOPLE: Final = (
    _row("get_me", "me"),
    _row("find_people", "people?handle=mia", MEMBERS, _NOT_PERMITTED),
    _row("find_people", "people", COORDINATORS, _NOT_YOURS),
    _row("get_everything", "people/{mia}/everything", _TOLD, _NOT_YOURS),
    _row("list_devices", "people/{mia}/devices", COORDINATORS, _NOT_YOURS),
    _row("get_profile", "people/{mia}/profile", MEMBERS - {"bob"}, _NOT_FOUND, apart=_LEFT),
    _row("get_profile", "people/{zoe}/profile", COORDINATORS | {"zoe"}, _NOT_FOUND, apart=_LEFT),
    _row("change_profile", "people/{hal}/profile", HAL, _NOT_PERMITTED, body={}),
    _row("list_blocks", "people/{mia}/blocks", MIA, _NOT_PERMITTED),
    _row("add_block", "people/{mia}/blocks/{bob}", MIA, _NOT_PERMITTED),
    _row("drop_block", "people/{mia}/blocks/{zoe}", MIA, _NOT_PERMITTED),
    _row("list_vetting_levels", "vetting-levels"),
    _row(
        *("change_vetting_level", "vetting-levels/references", COORDINATORS, _NOT_PERMITTED),
        body={"name": "References"},
    ),
    _row("list_vetting", "people/{mia}/vetting", _TOLD, _NOT_YOURS),
    _row(
        *("change_vetting", "people/{ben}/vetting/references", APART, _NOT_PERMITTED),
        body=_CHECK,
    ),
    _row("end_vetting", "people/{ben}/vetting/references", APART, _NOT_PERMITTED),
    _row("drop_vetting_level", "vetting-levels/references", COORDINATORS, _NOT_PERMITTED),
    _row("get_helper", "people/{hal}/helper", HAL | COORDINATORS, _NOT_YOURS),
    _row("change_helper", "people/{zoe}/helper", frozenset({"zoe"}), _NOT_PERMITTED, body=_HELPER),
    _row("end_helper", "people/{zoe}/helper", frozenset({"zoe"}), _NOT_PERMITTED),
    _row("get_wishes", "people/{mia}/hours", _TOLD, _NOT_YOURS),
    _row("change_wishes", "people/{mia}/hours", MIA, _NOT_PERMITTED, body={"quiet": None}),
)

_MONEY: Final = (
    _row("get_account", "accounts/{account}", _BOOKS, _NOT_FOUND),
    _row("get_statement", "accounts/{account}/statement", _BOOKS, _NOT_FOUND),
    _row("get_statement", "accounts/{account}/statement?format=csv", _BOOKS, _NOT_FOUND),
    _row("list_holds", "holds?account={account}", _BOOKS, _NOT_FOUND),
    _row("list_requests", "requests?account={account}", _BOOKS, _NOT_FOUND),
    _row("list_payments", "payments?account={account}", _BOOKS, _NOT_FOUND),
    _row("get_request", "requests/{payment_request}"),
    _row("get_payment", f"payments/{_NEIGHBOUR}", outcome=_NOT_FOUND),
    _row("get_quote", "quote?to=nowhere.example&arrive=1", outcome=_NOT_FOUND),
    _row("audit_entries", "audit/entries?limit=1", COORDINATORS | {"aud"}, _NOT_YOURS),
)

_DIRECTORY: Final = (
    _row("list_categories", "categories"),
    _row(
        *("change_category", "categories/chess", COORDINATORS, _NOT_PERMITTED),
        body={"name": "Chess"},
    ),
    _row("remove_category", "categories/chess", COORDINATORS, _NOT_PERMITTED),
    _row("find_listings", "listings", MEMBERS, _NOT_PERMITTED),
    _row("find_listings", "listings?format=csv", MEMBERS, _NOT_PERMITTED),
    _row("print_directory", "directory", MEMBERS, _NOT_PERMITTED),
    _row("make_listing", "listings", MEMBERS, _NOT_PERMITTED, body=_LISTING),
    _row("make_listing", "listings", MIA, _NOT_PERMITTED, body=_LISTING | {"person": "{mia}"}),
    _row("get_listing", "listings/{listing}", MEMBERS - {"bob"}, _NOT_FOUND, apart=_LEFT),
    _row("list_own_listings", "people/{mia}/listings", _TOLD, _NOT_YOURS),
    _row(
        *("edit_listing", "listings/{listing}", MIA, _NOT_FOUND),
        body=_LISTING,
        apart=dict.fromkeys(COORDINATORS, _NOT_PERMITTED),
    ),
    _row(
        *("extend_listing", "listings/{listing}/renewal", MIA, _NOT_FOUND),
        apart=dict.fromkeys(COORDINATORS, _NOT_PERMITTED),
    ),
)

_CALENDAR: Final = (
    _row("list_events", "events", MEMBERS, _NOT_PERMITTED),
    _row("make_event", "events", MEMBERS, _NOT_PERMITTED, body=_EVENT),
    _row(
        *("make_event", "events", COORDINATORS, _NOT_PERMITTED),
        body=_EVENT | {"kind": "meeting"},
    ),
    _row("get_event", "events/{event}", MEMBERS, _NOT_PERMITTED),
    _row("amend_event", "events/{event}", _TOLD, _NOT_PERMITTED, body={"words": "Tea"}),
    _row(
        *("amend_event", "events/{event}", COORDINATORS, _NOT_PERMITTED),
        body={"host": "{zoe}"},
    ),
    _row("amend_event", "events/{event}", COORDINATORS, _NOT_PERMITTED, body={"host": "{mia}"}),
    _row("amend_occurrence", "{occurrence}", _TOLD, _NOT_PERMITTED, body={"note": "Tea"}),
    _row("list_rsvps", "{occurrence}/rsvps", _TOLD | {"kit"}, _NOT_PERMITTED),
    _row("reply_to_event", "{occurrence}/rsvp", MEMBERS, _NOT_PERMITTED, body={"answer": "no"}),
    _row(
        *("reply_to_event", "{occurrence}/rsvp", _TOLD, _NOT_PERMITTED),
        body={"answer": "no", "person": "{mia}"},
    ),
    _row("list_reminders", "reminders"),
    _row("get_calendar", "calendar"),
    _row("set_calendar", "calendar", COORDINATORS, _NOT_PERMITTED, body={"zone": "UTC"}),
    _row("make_feed", "calendar/feed", MEMBERS, _NOT_PERMITTED),
    _row("end_feed", "calendar/feed"),
)

_TALKING: Final = (
    _row("list_notices", "notices"),
    _row("list_errands", "ring-list", COORDINATORS, _NOT_PERMITTED),
    _row(
        *("tick_errand", "ring-list/0", COORDINATORS, _NOT_PERMITTED),
        outcome=_NOT_FOUND,
        body={"outcome": "told"},
    ),
    _row("print_letters", "letters", COORDINATORS, _NOT_PERMITTED),
    _row(
        *("make_announcement", "announcements", COORDINATORS, _NOT_PERMITTED),
        body={"words": "Tea at four"},
    ),
    _row("list_announcements", "announcements", MEMBERS, _NOT_PERMITTED),
    _row(
        *("send_message", "messages", MEMBERS - {"mia", "bob"}, _NOT_FOUND),
        body={"about": "listings/{listing}", "to": "{mia}", "words": "Are there any left?"},
        apart=_LEFT,
    ),
    _row(
        *("send_message", "messages", frozenset({"hal"}), _NOT_FOUND),
        body={"about": "help/{request}", "to": "{mia}", "words": "I bring the shears."},
        apart=_LEFT,
    ),
    _row("list_threads", "threads", MEMBERS, _NOT_PERMITTED),
    _row("list_threads", "threads?person={mia}", MIA, _NOT_PERMITTED),
    _row("get_thread", "threads/{thread}", MIA | {"zoe"}, _NOT_FOUND, apart=_LEFT),
    _row("get_thread", "threads/{thread}?person={mia}", MIA, _NOT_PERMITTED),
)

_CARE: Final = (
    _row(
        *("complain", "complaints", MEMBERS - {"mia", "bob"}, _NOT_FOUND),
        body={"about": "listings/{listing}", "text": "It is stale."},
        apart=_LEFT,
    ),
    _row("list_complaints", "complaints", COORDINATORS, _NOT_YOURS),
    _row(
        *("settle_complaint", "complaints/{complaint}", APART, _NOT_PERMITTED),
        body={"outcome": "They made up."},
        apart={"ben": _NOT_FOUND},
    ),
    _row("get_safeguarding", "safeguarding", MEMBERS, _NOT_PERMITTED),
    _row(
        *("change_safeguarding", "safeguarding", COORDINATORS, _NOT_PERMITTED),
        body={"lead": "{lou}"},
    ),
    _row(
        *("add_concern", "concerns", MEMBERS, _NOT_PERMITTED),
        body={"person": "{mia}", "text": "She looks ill."},
    ),
    _row("list_concerns", "concerns", CARERS, _NOT_YOURS),
    _row("get_concern", "concerns/{concern}", LEAD, _NOT_FOUND),
    _row("add_concern_note", "concerns/{concern}/notes", LEAD, _NOT_FOUND, body={"text": "Rung."}),
    _row("hand_on_concern", "concerns/{concern}/handed-on", LEAD, _NOT_FOUND),
    _row("keep_concern", "concerns/{concern}/pin", LEAD, _NOT_FOUND),
    _row("let_concern_go", "concerns/{concern}/pin", LEAD, _NOT_FOUND),
    _row(
        *("settle_concern", "concerns/{concern}/outcome", LEAD, _NOT_FOUND),
        body={"outcome": "She is well."},
    ),
    _row("list_suspensions", "suspensions", CARERS, _NOT_YOURS),
    _row("get_suspension", "people/{sam}/suspension", CARERS | {"sam"}, _NOT_YOURS),
    _row("get_duty", "duty", MEMBERS, _NOT_PERMITTED),
    _row("get_duty_week", "duty/week", COORDINATORS, _NOT_PERMITTED),
    _row(
        *("change_duty_weekday", "duty/week/monday", COORDINATORS, _NOT_PERMITTED),
        body={"turns": []},
    ),
    _row(
        *("change_duty_day", "duty/days/{day}", COORDINATORS, _NOT_PERMITTED),
        body={"turns": []},
    ),
    _row("drop_duty_day", "duty/days/{day}", COORDINATORS, _NOT_PERMITTED),
    _row(
        *("swap_duty", "duty/swap", COORDINATORS, _NOT_PERMITTED),
        outcome=_NOT_FOUND,
        body={"person": "{ann}", "day": "{day}", "other": "{ben}"},
    ),
    _row("list_handover", "duty/notes", COORDINATORS, _NOT_YOURS),
    _row("add_handover_note", "duty/notes", COORDINATORS, _NOT_PERMITTED, body={"text": "Tea."}),
)

_SIDES: Final = _TOLD | HAL
_ASKED: Final = frozenset({"hal", "kit", "gil", "bob", "sam"})
_HELPING: Final = (
    _row("get_terms", "help-terms"),
    _row("change_terms", "help-terms", COORDINATORS, _NOT_PERMITTED, body={"hour": 60}),
    _row("list_help_requests", "help"),
    _row("list_help_requests", "help?asked=true"),
    _row("make_help_request", "help", MEMBERS, _NOT_PERMITTED, body=_HELP),
    _row("make_help_request", "help", MIA, _NOT_PERMITTED, body=_HELP | {"person": "{mia}"}),
    _row("get_help_request", "help/{request}", _TOLD | _ASKED, _NOT_FOUND),
    _row(
        *("promise_help", "help/{request}/promise", MIA, _NOT_FOUND),
        outcome="request-invalid",
        body={"holds": [999_999]},
    ),
    _row("pick_helper", "help/{request}/picked", MIA, _NOT_FOUND, body={"helper": "{hal}"}),
    _row("accept_helper", "help/{request}/helper", MIA, _NOT_FOUND, body={"helper": "{hal}"}),
    _row(
        *("decline_helper", "help/{request}/declined", MIA, _NOT_FOUND),
        outcome="help-taken",
        body={"helper": "{hal}"},
    ),
    _row("change_wider", "help/{request}/wider", MIA, _NOT_FOUND, body={"wider": False}),
    *(
        _row(
            *(operation, f"help/{{request}}/neighbours/1/{said}", MIA, _NOT_FOUND),
            outcome=_NOT_FOUND,
        )
        for operation, said in (("accept_neighbour", "accepted"), ("decline_neighbour", "declined"))
    ),
    _row("list_referral_terms", "referral-terms", MEMBERS, _NOT_PERMITTED),
    _row(
        *("change_referral_terms", f"referral-terms/{_NEIGHBOUR}", COORDINATORS, _NOT_PERMITTED),
        outcome=_NOT_FOUND,
        body={"refer": True, "take": True},
    ),
    _row("get_desk", "desk", COORDINATORS, _NOT_PERMITTED),
    _row("get_ranking", "help/{request}/ranking", APART, _NOT_PERMITTED),
    _row("explain_absence", "help/{request}/ranking/{zoe}", APART, _NOT_PERMITTED),
    _row(
        *("ask_by_hand", "help/{request}/asks/{zoe}", APART, _NOT_PERMITTED),
        outcome="help-taken",
    ),
    _row("note_no_reply", "help/{request}/asks/{kit}/no-reply", APART, _NOT_PERMITTED),
    _row(
        *("answer_yes", "help/{request}/yes", frozenset({"hal"}), _NOT_FOUND),
        body={},
        apart=dict.fromkeys(("gil", "bob", "sam"), "help-taken") | {"kit": "ok"},
    ),
    _row(
        *("answer_yes", "help/{request}/yes", APART, _NOT_PERMITTED),
        body={"person": "{hal}"},
        apart={"hal": "ok"},
    ),
    _row(
        *("answer_no", "help/{request}/no", frozenset({"gil", "bob", "sam"}), _NOT_FOUND),
        body={},
        apart=dict.fromkeys(("hal", "kit"), "help-taken"),
    ),
    _row(
        *("finish_visit", "visits/{visit}/done", _SIDES, _NOT_FOUND),
        outcome="request-invalid",
        body={"minutes": 60},
    ),
    _row(
        *("miss_visit", "visits/{visit}/missed", _SIDES, _NOT_FOUND),
        outcome="request-invalid",
        body={"who": "helper"},
    ),
    _row(
        *("confirm_miss", "visits/{visit}/found", APART, _NOT_PERMITTED),
        outcome="help-over",
        body={"failed": True},
    ),
    _row(
        *("thank_helper", "visits/{visit}/thanks", MIA, _NOT_FOUND),
        outcome="help-over",
        body={"words": "Thank you!"},
    ),
    _row(
        *("name_payment", "visits/{visit}/payment", MIA, _NOT_FOUND),
        outcome=_NOT_FOUND,
        body={"payment": _NEIGHBOUR},
    ),
)

_FOR_DOT: Final = tuple(
    _row(operation, path, COORDINATORS, _NOT_PERMITTED, body=body)
    for operation, path, body in (
        ("change_profile", "people/{dot}/profile", {"about": "I knit."}),
        ("add_block", "people/{dot}/blocks/{bob}", None),
        ("list_blocks", "people/{dot}/blocks", None),
        ("drop_block", "people/{dot}/blocks/{bob}", None),
        ("change_wishes", "people/{dot}/hours", {"quiet": None}),
        ("change_helper", "people/{dot}/helper", _HELPER),
        ("make_listing", "listings", _LISTING | {"person": "{dot}"}),
        ("make_help_request", "help", _HELP | {"person": "{dot}"}),
        ("list_threads", "threads?person={dot}", None),
    )
)
_MESSAGE_OF_DOT: Final = {
    "about": "listings/{listing}",
    "to": "{mia}",
    "words": "Dot would like some.",
    "person": "{dot}",
}
_CONCERN_OF_DOT: Final = {"person": "{mia}", "text": "She limps.", "by": "{dot}"}
_SAID_BY_DOT: Final = (
    _row("end_helper", "people/{dot}/helper", COORDINATORS, _NOT_PERMITTED, once=True),
    _row("send_message", "messages", COORDINATORS, _NOT_PERMITTED, body=_MESSAGE_OF_DOT),
    # ben is of the household of whom it is about, and writes it for nobody
    _row("add_concern", "concerns", APART, _NOT_PERMITTED, body=_CONCERN_OF_DOT),
)

_ENDING: Final = (
    _row(
        *("leave_visit", "visits/{visit}/left", HAL | COORDINATORS, _NOT_FOUND),
        body={},
        once=True,
    ),
    _row("cancel_help_request", "help/{request}", MIA, _NOT_FOUND, once=True),
    _row("drop_listing", "listings/{listing}", _TOLD, _NOT_FOUND, once=True),
    _row(
        *("add_suspension", "people/{mia}/suspension", APART | LEAD, _NOT_PERMITTED),
        body={"reason": "A worry."},
    ),
    _row("drop_suspension", "people/{mia}/suspension", APART | LEAD, _NOT_PERMITTED),
    _row("close_session", "sessions"),
)
"""What takes away what the others are asked about."""

TABLE: Final = (
    *(*_PEOPLE, *_MONEY, *_DIRECTORY, *_CALENDAR, *_TALKING, *_CARE, *_HELPING),
    *(*_FOR_DOT, *_SAID_BY_DOT, *_ENDING),
)

SECRETS: Final = {
    "12 Elm Road": _SIDES,  # where mia is helped
    "under the pot": _SIDES,  # and what to know for it
    "020 7946 0018": _SIDES,  # and how to reach her
    "The climbing ones": _SIDES | {"kit"},  # what she asks for: kit may still come
    "the April rent": _TOLD | {"zoe"},  # what she paid zoe for
    "May I?": MIA | {"zoe"},  # a message
    "They were stale": APART | {"zoe"},  # the complaint about her, by zoe
    "had a bruise": LEAD | {"zoe"},  # the concern, likewise
    "What kit said": CARERS,  # why sam is suspended
    "reliability": APART,  # of helpers; ben sees what mia sees of those who help her
    "of the hours offered": APART,
    "walk": APART,  # how far hal has to her: neither shows where they are
}
"""What stands in some answer, and who may read it: in whatever answer, of whatever operation."""
