"""Forward-only numbered migrations, one schema a circle, under a lock.

Each file's content is remembered by its hash: a node refuses a schema that was changed behind it,
or that is newer than it knows.
"""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files

import asyncpg

from node.connections import Connection
from node.errors import DatabaseUnsuitable

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_LOCK = 0x7A11_1571
_EXTENSIONS = ("pg_trgm", "unaccent")
_SHARED = "tallystick_shared"
_NOT_TO_BE_ADDED = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.FeatureNotSupportedError,
    asyncpg.UndefinedFileError,
)


def check_schema_name(schema: str) -> str:
    """The name, once it is safe to stand in SQL. Raises DatabaseUnsuitable."""
    if not _NAME.fullmatch(schema):
        raise DatabaseUnsuitable(
            f"{schema!r:.60} cannot name a schema: use small letters, digits and underscores."
        )
    return schema


def service_role(schema: str) -> str:
    """The role as which a node serves: it cannot change or remove what the log commits to."""
    return f"{schema}_service"


def migrations() -> list[tuple[str, str]]:
    """Name and SQL of every migration, in order."""
    folder = files("node") / "schema"
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return [(name, (folder / name).read_text("utf-8")) for name in names]


async def migrate(connection: Connection, schema: str) -> None:
    """Bring the circle's schema up to date. Raises DatabaseUnsuitable when it is not ours."""
    check_schema_name(schema)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        shared = await _add_extensions(connection)
        await connection.execute(f"SET LOCAL search_path TO {', '.join([schema, *shared])}")
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS migrations (
                name text PRIMARY KEY, hash bytea NOT NULL, applied timestamptz DEFAULT now()
            )
            """
        )
        applied = {
            row["name"]: row["hash"]
            for row in await connection.fetch("SELECT name, hash FROM migrations")
        }
        known = migrations()
        unknown = applied.keys() - {name for name, _ in known}
        if unknown:
            raise DatabaseUnsuitable(
                f"The database has the migration {min(unknown)}, which this version does not know; "
                "install a newer tallyd."
            )
        for name, sql in known:
            digest = sha256(sql.encode()).digest()
            if name not in applied:
                await connection.execute(sql)
                await connection.execute("INSERT INTO migrations VALUES ($1, $2)", name, digest)
            elif applied[name] != digest:
                raise DatabaseUnsuitable(
                    f"The migration {name} is not the one that was applied to this database."
                )
        await _grant(connection, schema)


async def _add_extensions(connection: Connection) -> list[str]:
    """Have what search by words takes, and return the schemas it is in, quoted.

    An extension is there once in a database, for all the circles in it: so it has a schema that no
    circle takes away. Where somebody put it elsewhere before, it is used there.
    """
    for name in _EXTENSIONS:
        if await connection.fetchval("SELECT 1 FROM pg_extension WHERE extname = $1", name):
            continue
        try:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_SHARED}")
            await connection.execute(f"GRANT USAGE ON SCHEMA {_SHARED} TO PUBLIC")
            await connection.execute(f"CREATE EXTENSION {name} SCHEMA {_SHARED}")
        except _NOT_TO_BE_ADDED as error:
            raise DatabaseUnsuitable(
                f"PostgreSQL's extension {name} cannot be added ({error}): install PostgreSQL's "
                f"contrib modules, and let the database's owner run: CREATE EXTENSION {name}"
            ) from None
    rows = await connection.fetch(
        """
        SELECT DISTINCT quote_ident(nspname) AS name
        FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
        WHERE extname = ANY($1::text[]) ORDER BY name
        """,
        list(_EXTENSIONS),
    )
    return [row["name"] for row in rows]


async def _grant(connection: Connection, schema: str) -> None:
    """Let the service role do what serving takes, and no more."""
    role = service_role(schema)
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f"CREATE ROLE {role} NOLOGIN")
    await connection.execute(f"GRANT {role} TO CURRENT_USER")
    await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    await connection.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    changing = (
        "head, accounts, verdicts, rules, holders, devices, holds, mandates, invitations, offices, "
        "requests, people, personal, request_texts, sessions, session_nonces, witnessed_logs, "
        "witnesses, cosigning, links, link_holds, transits, "
        "peer_invitations, peers, wishes, gossip_records, "
        "profiles, blocks, vetting_levels, vettings, categories, listings, spelling"
        ", calendar, events, occurrences, rsvps, event_notices, calendar_feeds"
        ", notice_wishes, notices, event_told, threads, messages, announcements"
        ", complaints, suspensions, safeguarding, concerns, duty_week, duty_days, duty_turns"
        ", help_terms, helpers, help_requests, help_windows, visits, asks"
        ", open_counting, open_traders"
        ", referral_terms, referral_vettings, referrals, referral_offers"
    )
    await connection.execute(f"GRANT UPDATE, DELETE ON {changing} TO {role}")
    await connection.execute(f"GRANT DELETE ON handover_notes, suspension_acts TO {role}")
    await connection.execute(f"GRANT UPDATE ON open_months TO {role}")
    await connection.execute(f"REVOKE INSERT ON migrations FROM {role}")
