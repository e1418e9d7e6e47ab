"""Letters on paper: what is to be posted, a page for each member, in large type.

The page stands alone, with its style in it. At least 16 points, as the UK Association for
Accessible Formats asks.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from html import escape
from itertools import groupby

from node.talking.by_hand import Errand

_STYLE = """
html { font-size: 125%; }
body { margin: 0 auto; padding: 1rem; max-width: 42rem; color: #000; background: #fff;
  font-family: Verdana, "DejaVu Sans", sans-serif; line-height: 1.5; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; }
article { padding: 1rem 0 2rem; border-bottom: 3px solid #000; }
address { font-style: normal; white-space: pre-line; margin-bottom: 2rem; }
p { margin: 0.8rem 0; }
.number { font-size: 0.9rem; }
@media print {
  html { font-size: 18pt; }
  body { max-width: none; padding: 0; }
  header { display: none; }
  article { border: 0; break-after: page; }
}
"""
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
CONTENT_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing but this style may do anything on the page."""


def render_letters(circle: str, errands: Sequence[Errand], today: date) -> str:
    """The whole page: one letter for each member, with all that they are to be told."""
    letters = sorted(errands, key=lambda each: (each.person.person, each.number))
    members = [list(group) for _, group in groupby(letters, key=lambda each: each.person.person)]
    title = escape(f"{circle}: letters to post")
    told = f"{len(members)} to print, to post, and to tick: tally messages posted NUMBER"
    body = "\n".join(_letter(circle, each, today) for each in members)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}</h1>\n<p>{told if members else 'There is none.'}</p>\n</header>\n"
        f"<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _letter(circle: str, errands: Sequence[Errand], today: date) -> str:
    person = errands[0].person
    day = f"{today.day} {today:%B %Y}"
    parts = [
        f"<address>{escape(person.name)}\n{escape(errands[0].contact)}</address>",
        f"<p>{escape(day)}</p>",
        f"<p>Dear {escape(person.name)},</p>",
        *(_paragraphs(each) for each in errands),
        f"<p>With kind regards,<br>{escape(circle)}</p>",
    ]
    return "<article>\n" + "\n".join(parts) + "\n</article>"


def _paragraphs(errand: Errand) -> str:
    lines = [line for line in errand.words.split("\n") if line.strip()]
    told = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'{told}<p class="number">Number {errand.number}</p>'
