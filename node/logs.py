"""Structured logs on standard error: one JSON object a line, or readable text on a terminal."""

from __future__ import annotations

import logging
import sys

import structlog


class _Forwarder(logging.Handler):
    """Hands on what libraries say, such as asyncio of a task that nobody waits for."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def configure_logs() -> None:
    """Set up logging for this process; only the commands call it."""
    rendered: structlog.types.Processor = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        rendered = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forwarder()], level=logging.WARNING, force=True)
