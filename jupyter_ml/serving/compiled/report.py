"""What came of compiling a model, as the endpoint's description shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REPORT = "report.json"
COMPILING, COMPILED, NATIVE = "Compiling", "Compiled", "Native"


@dataclass(frozen=True)
class Report:
    """Whether a compiled model serves, and why or why not.

    Parameters
    ----------
    status
        `Compiling`, `Compiled` or `Native`.
    message
        One or two sentences.
    engine
        Name and version of what runs the compiled model.
    speedup
        How many times faster one row is.
    rows
        How many rows both models answered alike.
    """

    status: str
    message: str
    engine: str | None = None
    speedup: float | None = None
    rows: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the report in the shape `Compilation`."""
        values = {
            "Status": self.status,
            "Message": self.message,
            "Engine": self.engine,
            "Speedup": self.speedup,
            "RowsChecked": self.rows,
        }
        return {name: value for name, value in values.items() if value is not None}


def native(reason: str) -> Report:
    """Return the report on a model that serves itself, and why."""
    return Report(NATIVE, f"Served natively: {reason}.")
