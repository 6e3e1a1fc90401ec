"""How the service's log looks: one JSON object a line, or colours on a terminal. What is logged is said where it happens."""

import logging
import sys
from collections.abc import Sequence

import structlog

from api.settings import LogSettings


def set_up_logs(settings: LogSettings) -> None:
    """Sends structlog's and the standard library's records to standard error, in one form."""
    shared: Sequence[structlog.typing.Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings, shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries speak up when something is wrong; the model's quantizer alone would write 60 lines of progress.
    root.setLevel(logging.WARNING)
    logging.getLogger("mnemic").setLevel(settings.level.upper())


def formatter(settings: LogSettings, shared: Sequence[structlog.typing.Processor]) -> logging.Formatter:
    """One form for all records. Errors come with their lines, never with what variables held: documents and keys."""
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(shared), processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )
