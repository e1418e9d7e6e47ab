"""What protocol.md says of help's fields and numbers is what the code says."""

from __future__ import annotations

import re

from pydantic import BaseModel

from ledger.codec import AMOUNT_MAX
from ledger.federation import referral
from node.api import (
    desk,
    help_models,
    help_requests,
    help_views,
    helping,
    referral_models,
    referrals,
    visits,
)
from node.help import held, outcomes, request, silence
from node.help import helping as stored
from node.help.asking import LEAD_MINUTES
from node.help.ranking import VISIT_MINUTES_MAX
from node.referrals import taking, terms, wants
from tests.test_protocol import _fields, section

TEXT = " ".join(section("Help").split())
DAY_MS = 24 * 3600 * 1000
HOUR_MS = 3600 * 1000


def test_the_fields_of_requests_visits_and_asks_are_those_that_are_listed() -> None:
    text = section("Help")
    assert _fields(text, "request") == list(help_models.HelpRequest.model_fields)
    assert _fields(text, "visit") == list(help_models.Visit.model_fields)
    assert _fields(text, "ask") == list(help_models.Ask.model_fields)
    assert _fields(text, "offer") == list(referral_models.NeighbourOffer.model_fields)


def test_every_field_that_a_body_may_have_is_named() -> None:
    bodies: list[type[BaseModel]] = [
        *(request.HelpItem, request.Window, stored.HelperItem, stored.Hours, stored.Away),
        *(terms.NeighbourTerms, terms.VettingThere, referral_models.NeighbourAsker),
        *(referrals.NeighbourTermsList, referrals.Wider, referrals.VisitPayment),
        *(helping.TermsItem, help_requests.Promise, help_models.HelpRequests, stored.Helper),
        *(visits.Yes, visits.No, visits.Chosen, visits.Leaving, visits.Done, visits.Found),
        *(
            visits.Missing,
            visits.Thanks,
            desk.Desk,
            desk.Call,
            desk.Ranking,
            desk.Candidate,
            desk.Obstacles,
        ),
    ]
    for body in bodies:
        for name in body.model_fields:
            assert f'"{name}"' in TEXT or f"`{name}`" in TEXT, (body.__name__, name)


def test_halves_of_referrals_have_the_fields_that_are_listed_and_no_others() -> None:
    text = section("Referrals")
    for name, kind in (
        ("want", referral.Want),
        ("reply", referral.Reply),
        ("referrals", referral.Referrals),
    ):
        block = text.split(f"    {name} = [\n")[1].split("\n    ]")[0]
        listed = re.findall(r"^      (\w+):", block, re.MULTILINE)
        assert listed == list(kind._fields)
    inner = {"who": referral.Who._fields, "verdict": referral.Verdict._fields}
    for name in (*inner["who"], *inner["verdict"], *referral.Offer._fields):
        assert name in text


def test_the_limits_of_referrals_are_those_of_the_code() -> None:
    text = " ".join(section("Referrals").split())
    for stated in (
        f"`int(0..{referral.MOMENT_MAX})`",
        f"at most {referral.HALF_BYTES_MAX:,} bytes each",
        f"at most {referral.REFERRALS_BYTES_MAX:,} bytes.",
        f"UTF-8 of at most {referral.LINE_BYTES_MAX} bytes",
        f"of at most {referral.PROSE_BYTES_MAX:,}, of characters",
        f"array(1..{referral.WINDOWS_MAX}, [begins",
        f"array(0..{referral.OFFERS_MAX}, [offer",
        f"int(1..{referral.PLACES_MAX}) helpers",
        f"a square of {referral.SPOT_SIDE:,}",
        f"int(15..{referral.MINUTES_MAX})",
        f"int(1..M/{100 * referral.MINUTES_MAX})",
        f"array(0..{referral.HALVES_MAX}, bytes(1..{referral.HALF_BYTES_MAX}))",
        f"array(0..{referral.HEARD_MAX}, [id",
        f"At most {taking.DAILY_MAX} new wants",
        f"at most {wants.OPEN_MAX} requests are open",
        f"{wants.LIVE_MS // DAY_MS} days after the last moment",
    ):
        assert stated in text, stated
    assert AMOUNT_MAX // (100 * referral.MINUTES_MAX) > 0


def test_the_limits_of_help_are_those_of_the_code() -> None:
    for stated in (
        f"100 to {stored.REACH_MAX} metres",
        f"at most {stored.HOURS_MAX} of them, and at most {stored.SKILLS_MAX} `skills`",
        f'"minutes": 15 to {VISIT_MINUTES_MAX}, "helpers"?: 1 to {request.HELPERS_MAX}',
        f'"weeks"?: 1 to {request.WEEKS_MAX}',
        f"at most {request.WINDOWS_MAX} windows",
        f"at most {request.VISITS_MAX} visits",
        f"at most {request.OPEN_MAX} that are not over",
        f"asks for at most {request.DAILY_MAX} in 24 hours",
        f"until {help_views.KNOWS_MS // DAY_MS} days after",
        f"{LEAD_MINUTES} minutes from now at the earliest, at most {request.AHEAD_DAYS_MAX} days",
        f"late within {outcomes.LATE_MS // HOUR_MS} hours",
        f"and {silence.SILENCE_MS // HOUR_MS} hours after the asker was",
        f"forgotten {held.WORDS_KEPT_MS // DAY_MS} days after it is over",
        f"who came after {held.KEPT_MS // DAY_MS} days",
    ):
        assert stated in TEXT, stated
    assert request.MOST_PERCENT == 150, "half as long again"
