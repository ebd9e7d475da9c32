"""How the program's own logs are written: as text or as JSON, one object a line, without secrets.

Standard library only: a model's worker may run in an interpreter that has nothing else.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from jupyter_ml.core.credentials import REDACTED, without_secrets

if TYPE_CHECKING:
    from types import TracebackType

TEXT: Final = "text"
JSON: Final = "json"
FORMATS: Final = (TEXT, JSON)
_DETAILED: Final = "%(asctime)s %(process)d %(name)s %(levelname)s %(message)s"


class TextFormatter(logging.Formatter):
    """Writes a record as text.

    Parameters
    ----------
    pattern
        How a line looks, as `logging` has it; a traceback follows on lines of its own.
    """

    def __init__(self, pattern: str = _DETAILED) -> None:
        super().__init__(pattern)

    def format(self, record: logging.LogRecord) -> str:
        """Return the text, without secrets."""
        text = super().format(record)
        told = _told(record)
        return without_secrets(f"{text}\n{told}" if told else text, REDACTED)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON.

    Its members are `time` (UTC, ISO 8601), `level`, `logger`, `message`, `pid` and, where there is
    one, `exception` with its traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without secrets."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage(), REDACTED),
            "pid": record.process,
        }
        exception = self.formatException(record.exc_info) if record.exc_info else _told(record)
        if exception:
            line["exception"] = without_secrets(exception, REDACTED)
        return json.dumps(line, ensure_ascii=False, default=str)


def formatter(form: str, pattern: str = _DETAILED) -> logging.Formatter:
    """Return what writes records in a form, `text` (by `pattern`) or `json`."""
    return JsonFormatter() if form == JSON else TextFormatter(pattern)


def log_to_stdout(form: str, *names: str) -> None:
    """Have the loggers of these names write to standard output, and nobody else's.

    A program that shares the process keeps the root logger for its own; as text, a line is the
    message alone.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter(form, "%(message)s"))
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def log_uncaught(logger: logging.Logger) -> None:
    """Log an exception that ends the process, which would be written as text otherwise."""

    def log(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if not issubclass(kind, Exception):
            sys.__excepthook__(kind, error, traceback)
            return
        logger.critical("The process ended: %s", error, exc_info=(kind, error, traceback))

    sys.excepthook = log


def _told(record: logging.LogRecord) -> str:
    """Return the traceback of an exception of another process, given as `extra`."""
    return str(getattr(record, "traceback", ""))
