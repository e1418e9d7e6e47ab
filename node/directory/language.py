"""The language by whose stems listings are found: chosen once, when a circle is made."""

from __future__ import annotations

from typing import Final

from node.connections import Reader

OTHER: Final = "other"
LANGUAGES: Final = (
    *("arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish"),
    *("french", "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian"),
    *("lithuanian", "nepali", "norwegian", "portuguese", "romanian", "russian", "serbian"),
    *("spanish", "swedish", "tamil", "turkish", "yiddish", OTHER),
)
"""Those that PostgreSQL 15 has stems of; in every other, words are found as they are written."""


async def choose_language(connection: Reader, language: str) -> None:
    """Let words be read in one of ``LANGUAGES``, in place of English, in a new circle's schema.

    What was written before would be found no more.
    """
    assert language in LANGUAGES, language
    stems = "simple" if language == OTHER else f"{language}_stem"
    await connection.execute(
        "ALTER TEXT SEARCH CONFIGURATION listing_words "
        f"ALTER MAPPING REPLACE english_stem WITH {stems}"
    )
