"""What protocol.md says of safeguarding and duty is what the code says."""

from __future__ import annotations

from pydantic import BaseModel

from node.api import care, care_duty
from node.api import complaints as complaints_api
from node.care import (
    complaints,
    concerns,
    handover,
    lots,
    retention,
    rota,
    safeguarding,
    suspensions,
)
from node.talking.by_hand import Named
from tests.test_protocol import _fields, section

TITLE = "Duty and safeguarding"
TEXT = " ".join(section(TITLE).split())


def test_the_fields_of_a_concern_are_those_that_are_listed() -> None:
    assert _fields(section(TITLE), "concern") == list(concerns.Concern.model_fields)
    assert _fields(section(TITLE), "safeguarding") == list(safeguarding.Safeguarding.model_fields)


def test_complaints_are_as_they_are_described() -> None:
    text = " ".join(section("Complaints").split())
    assert _fields(section("Complaints"), "complaint") == list(complaints.Complaint.model_fields)
    assert _fields(section("Complaints"), "named") == list(Named.model_fields)
    for model in (complaints.ComplaintItem, complaints.Outcome, complaints_api.Complaints):
        for name in model.model_fields:
            assert f'"{name}"' in text, name
    assert f"may have {complaints.OPEN_MAX} that are open" in text
    assert f"for {retention.COMPLAINTS_KEPT_MS // retention.DAY_MS} days" in text


def test_every_field_of_bodies_and_answers_is_named() -> None:
    models: list[type[BaseModel]] = [
        *(concerns.ConcernItem, concerns.Raised, concerns.ConcernLine, concerns.Closing),
        *(concerns.Note, concerns.NoteItem, concerns.Reading, care.Concerns, care.Suspensions),
        *(
            suspensions.Suspension,
            suspensions.SuspensionAct,
            suspensions.SuspensionItem,
            safeguarding.SafeguardingItem,
        ),
        *(rota.TurnItem, rota.TurnsItem, rota.SwapItem, rota.UsualTurn, care_duty.UsualWeek),
        *(care_duty.Duty, care_duty.DutyTurn, care_duty.OnDuty, care_duty.Handover),
        *(handover.HandoverItem, handover.HandoverNote, care_duty.Written),
    ]
    for model in models:
        for name in model.model_fields:
            assert f'"{name}"' in TEXT, (model.__name__, name)


def test_the_limits_and_the_retention_table_are_those_of_the_code() -> None:
    for stated in (
        f"has all of it, the {suspensions.ACTS_SHOWN} newest first",
        f"drawn by lot from {lots.NUMBERS[0]} to {lots.NUMBERS[-1]}",
        f"A member may have {concerns.OPEN_MAX} that are open",
        f"`readings` are the {concerns.READINGS_SHOWN} newest",
        f"changes or removes one; at most {concerns.NOTES_MAX}.",
        f'`{{"turns": [...]}}`, at most {rota.TURNS_MAX}, writes',
        f"from {rota.PAST_DAYS_MAX} days ago to {rota.AHEAD_DAYS_MAX} days from now",
        f"(1 to {care_duty.DAYS_MAX}; this week",
        f"prose of up to {handover.NOTE_CHARACTERS_MAX} characters",
        f"at most {handover.NOTES_A_DAY_MAX} a day",
        f"| {retention.CONCERNS_KEPT_MS // retention.DAY_MS} days (three years)",
        f"single days for {retention.DAYS_KEPT} days",
        f"| handover notes | {retention.NOTES_KEPT_MS // retention.DAY_MS} days |",
    ):
        assert stated in TEXT, stated
