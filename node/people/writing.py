"""What people may write of themselves: nothing in it that hides, turns or ends a line.

Emoji that are joined by marks without a width are text; marks that turn the direction of writing
are not.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

_LINE: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]*$"
_PROSE: Final = (
    r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]*$"
)

Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=_LINE)
]
"""A line that has to say something."""
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120, pattern=_LINE)]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=_PROSE)]
"""Several lines, ended by line feeds."""
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_LINE)
]
"""What is searched for."""
Slug = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{1,31}$", description="A short name")]
