"""Search by words in a circle that writes in another language than English."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from node.directory.language import LANGUAGES, choose_language
from tests.circle_node import Home, found_circle, serving
from tests.directory_circle import offer
from tests.live_node import init_node

WRITTEN = {
    "german": ("Hecken schneiden im Gärtchen", ["hecke", "HECKEN", "schneide", "gartchen"]),
    "french": ("Réparations au jardin", ["réparer", "reparation", "JARDINS"]),
    "spanish": ("Traducción de cartas", ["traducciones", "traduccion", "carta"]),
    "other": ("Garddio a choed", ["garddio", "choed"]),
}


@pytest_asyncio.fixture
async def home(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Home]:
    """A new circle, not served yet."""
    home = await found_circle(postgres_dsn, tmp_path / "circle")
    yield home
    await home.drop()


@pytest.mark.parametrize("language", WRITTEN)
async def test_listings_are_found_by_other_forms_of_a_word_of_the_circles_language(
    home: Home, language: str
) -> None:
    title, words = WRITTEN[language]
    async with home.database() as connection:
        await choose_language(connection, language)
    async with serving(home) as node:
        ann = await node.join("ann", home.founded.invitation_code)
        await offer(node, ann, title)
        for written in words:
            found = await node.read("/api/v1/listings", ann, words=written)
            assert [each["title"] for each in found["listings"]] == [title], written
            assert found["words"] is None, "it was not taken for a slip"


async def test_every_language_that_can_be_chosen_is_one_of_postgresql(home: Home) -> None:
    async with home.database() as connection:
        for language in LANGUAGES:
            transaction = connection.transaction()
            await transaction.start()
            await choose_language(connection, language)
            read = "SELECT length(to_tsvector('listing_words', 'Xylofon'))"
            assert await connection.fetchval(read) == 1, language
            await transaction.rollback()


def test_an_operator_says_the_language_when_the_circle_is_made(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_dsn)
    schema = f"circle_{secrets.token_hex(4)}"
    options = ("--schema", schema, "--language", "german")
    init_node(tmp_path / "circle", *options, name="Kreis", address="kreis.example")

    async def read_and_remove() -> str:
        connection = await asyncpg.connect(postgres_dsn)
        try:
            query = f"SELECT to_tsvector('{schema}.listing_words', 'Hecken')::text"
            stem: str = await connection.fetchval(query)
            await connection.execute(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {schema}_service")
        finally:
            await connection.close()
        return stem

    assert asyncio.run(read_and_remove()) == "'heck':1"
