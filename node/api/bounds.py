"""What path and query parameters may be: every number fits the database, every page is bounded."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ledger.codec import AMOUNT_MAX

Number = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
"""Of an account, person or entry; also the cursor of a list in the order of such numbers."""
NEWEST: int = AMOUNT_MAX
"""The cursor of a list whose newest come first, from its beginning."""
Limit = Annotated[int, Field(ge=1, le=200, description="How many at most")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="32 bytes, hexadecimal")]
Handle = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{1,31}$", description="A short name")]
