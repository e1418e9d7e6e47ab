"""The toy application, as the tests of this folder are given it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.http_layer.toy import Running, serve_toy


@pytest.fixture
async def toy() -> AsyncIterator[Running]:
    """The toy on a free port."""
    async with serve_toy() as running:
        yield running
