"""Structured logs on standard error: one JSON object a line, or readable text on a terminal."""

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


def configure_logs() -> None:
    """Set up logging for this process; only the commands call it."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(sys.stderr.isatty(), os.environ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forwarder()], level=logging.WARNING, force=True)


def _renderers(
    terminal: bool, environment: Mapping[str, str]
) -> Sequence[structlog.types.Processor]:
    """What writes an event; colours are for terminals without NO_COLOR (no-color.org)."""
    if not terminal:
        return structlog.processors.format_exc_info, structlog.processors.JSONRenderer()
    colours = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    plain = structlog.dev.plain_traceback
    return (structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain),)
