"""Logs on standard error: for programs one JSON object a line, for a person at a terminal short
lines, and only of what they should know."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence

import structlog


class _Forwarder(logging.Handler):
    """Hands on what libraries say, such as asyncio of a task that nobody waits for."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def configure_logs(*, quiet: bool = False) -> None:
    """Set up logging for this process; only the commands call it. With ``quiet`` nothing is told
    that is as it should be."""
    terminal = sys.stderr.isatty()
    level = logging.WARNING if quiet or terminal else logging.INFO
    structlog.configure(
        processors=[structlog.processors.add_log_level, *_renderers(terminal, os.environ)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forwarder()], level=logging.WARNING, force=True)


def _renderers(
    terminal: bool, environment: Mapping[str, str]
) -> Sequence[structlog.types.Processor]:
    """What writes an event; colours are for terminals without NO_COLOR (no-color.org)."""
    processors = structlog.processors
    if not terminal:
        stamp = processors.TimeStamper(fmt="iso", utc=True)
        return stamp, processors.format_exc_info, processors.JSONRenderer()
    colours = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    stamp = processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    return stamp, processors.format_exc_info, _Lines(colours)


class _Lines:
    """14:05:09 Warning: disk almost full (free 7)"""

    def __init__(self, colours: bool) -> None:
        self._bold, self._plain = ("\x1b[1m", "\x1b[0m") if colours else ("", "")

    def __call__(self, logger: object, name: str, event: structlog.types.EventDict) -> str:
        time, level = event.pop("timestamp"), str(event.pop("level")).capitalize()
        words, trace = str(event.pop("event")).replace("_", " "), event.pop("exception", "")
        details = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in event.items())
        more = f" ({details})" if details else ""
        traced = f"\n{trace}" if trace else ""
        return f"{time} {self._bold}{level}: {words}{self._plain}{more}{traced}"
