"""The shell of every page that the node itself serves: plain, legible, without a script."""

from __future__ import annotations

import re
from html import escape

STYLESHEET_PATH = "/static/site.css"

# Contrast is at least 7:1 everywhere (WCAG 2.2, 1.4.6); the text grows with the reader's own size.
STYLESHEET = """\
html { font-size: 118.75%; }
body { margin: 0 auto; padding: 1rem; max-width: 46rem; color: #1c1c1c; background: #fffefa;
  font-family: system-ui, sans-serif; line-height: 1.5; overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; line-height: 1.2; }
h2 { font-size: 1.4rem; margin-top: 3rem; padding-top: 1rem; border-top: 3px solid #5c3a1e; }
h3 { font-size: 1.15rem; margin-top: 2.5rem; }
h4 { font-size: 1rem; margin-bottom: 0.3rem; }
a { color: #0b3d6b; }
a:focus, summary:focus, [tabindex]:focus { outline: 3px solid #0b3d6b; outline-offset: 2px; }
nav ul { list-style: none; padding: 0; }
nav li a { display: inline-block; padding: 0.45rem 0; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9rem; }
pre { padding: 0.8rem; background: #f3efe4; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; font-weight: bold; padding: 0.5rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.45rem 0.8rem 0.45rem 0;
  border-bottom: 1px solid #8a8577; }
.scroll { overflow-x: auto; }
.method { font-weight: bold; }
.sheet { font-size: 1.25rem; }
.sheet ul { list-style: none; padding: 0; }
.sheet li { margin: 0 0 1rem; }
@media print { body { max-width: none; } nav { display: none; }
  .sheet { font-size: 18pt; } .sheet h2 { break-after: avoid; } .sheet li { break-inside: avoid; } }
"""


def render_page(title: str, body: str) -> str:
    """Return a whole page. `title` is text; `body` is markup, already escaped where it must be."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f'<link rel="stylesheet" href="{STYLESHEET_PATH}">\n'
        f"</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def render_prose(text: str) -> str:
    """Return paragraphs for plain text as a docstring has it; ``code`` keeps its meaning."""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    return "\n".join(f"<p>{render_inline(one)}</p>" for one in paragraphs)


def render_inline(text: str) -> str:
    """Return escaped text, with what stood between backticks as code."""
    return re.sub(r"``?([^`]+)``?", r"<code>\1</code>", escape(text))
