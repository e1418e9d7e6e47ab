"""Notices: what a member is to be told, written down with what it is about.

They are written in the transaction of whatever they tell of, so that one is never without the
other; `node.talking.delivery` has them go out, by the member's channel and in its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.connections import Reader

WORDS_CHARACTERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody is told: ``words`` are plain sentences for them.

    ``about`` is the path below ``/api/v1`` of what it is about, such as ``help/17``. It is
    ``urgent`` where it is about the same day. From ``expires`` on, in Unix milliseconds, there is
    no use in telling it. ``begins`` is when something begins that they agreed to themselves, for
    which it would be too late in the morning. Where it has to be told by telephone, the list of
    calls does not show it to the coordinators in ``never``.
    """

    kind: str
    about: str
    words: str
    urgent: bool = False
    expires: int | None = None
    begins: int | None = None
    never: frozenset[int] = frozenset()


async def notify(connection: Reader, person: int, notice: Notice, now: int) -> None:
    """Have a member told, in the transaction that is under way; ``now`` in Unix milliseconds.

    Nothing happens for who is erased. What is longer than a notice may be is cut.
    """
    await notify_all(connection, [person], notice, now)


async def notify_all(connection: Reader, people: Sequence[int], notice: Notice, now: int) -> None:
    """Have several members told the same, in one statement.

    Who is to be told just that already, and was not yet, is told it once, unless something else
    came between: what they are told last is how it stands. But that help is done is told
    as often as it is said, since silence pays for what was said last.
    """
    await connection.execute(
        """
        INSERT INTO notices (person, kind, about, words, urgent, made, expires, due, never, begins)
        SELECT person, $2, $3, $4, $5, $6, $7, $6, $8, $9 FROM people
        WHERE person = ANY($1::bigint[]) AND NOT EXISTS (
            SELECT FROM notices AS first
            WHERE first.person = people.person AND first.about = $3 AND first.kind = $2
                AND first.kind <> 'done' AND first.words = $4 AND first.told IS NULL
                AND (first.urgent OR NOT $5)
                AND (first.expires IS NULL OR first.expires >= $7) AND first.never @> $8
                AND first.number = (
                    SELECT max(latest.number) FROM notices AS latest
                    WHERE latest.person = people.person AND latest.about = $3
                )
        )
        ORDER BY person
        """,
        sorted(set(people)),
        notice.kind,
        notice.about,
        _bounded(notice.words),
        notice.urgent,
        now,
        notice.expires,
        sorted(notice.never),
        notice.begins,
    )


def _bounded(words: str) -> str:
    if len(words) <= WORDS_CHARACTERS_MAX:
        return words
    return words[: WORDS_CHARACTERS_MAX - 1] + "\N{HORIZONTAL ELLIPSIS}"
