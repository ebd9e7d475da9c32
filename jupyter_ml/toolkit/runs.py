"""Runs outside of jobs: what `with ml.run(...)` creates and ends."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.metrics.metrics import Writer, scan
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.exports import Exportable
from jupyter_ml.toolkit.inputs import inputs_of
from jupyter_ml.toolkit.naming import create_numbered
from jupyter_ml.toolkit.notebook import shell
from jupyter_ml.toolkit.provenance import provenance
from jupyter_ml.toolkit.redaction import HIDDEN, why_secret
from jupyter_ml.toolkit.tracking import joined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import SupportsFloat

    import pandas as pd

    from jupyter_ml.client import Client
    from jupyter_ml.core.metrics.series import Series

_LONGEST_MESSAGE = 1024


class Run(Exportable):
    """A run that was begun with `ml.run`.

    Parameters
    ----------
    name
        Its full name, such as `baseline-1`.
    client
        Of the workspace that it belongs to.
    folder
        Where its metrics are written.
    """

    def __init__(self, name: str, client: Client, folder: Path) -> None:
        self.writer = Writer(folder)
        self._place = (name, folder)
        self._client = client

    def __repr__(self) -> str:
        return f"Run({self.name!r})"

    @property
    def name(self) -> str:
        """Its full name, such as `baseline-1`."""
        return self._place[0]

    @property
    def folder(self) -> Path:
        """Where its metrics are written."""
        return self._place[1]

    def log(
        self,
        metrics: Mapping[str, SupportsFloat] | None = None,
        *,
        step: int | None = None,
        **values: SupportsFloat,
    ) -> None:
        """Log metrics of this run, from any thread: `run.log(auc=0.99)`; otherwise as `ml.log`.

        Raises
        ------
        TypeError
            A value is not a number; names the metric.
        """
        self.writer.log_all(values if metrics is None else joined(metrics, values), step)

    def metrics(self) -> pd.DataFrame:
        """Return what was logged: one row per step, one column per metric."""
        from jupyter_ml.toolkit.tables import metric_frame  # noqa: PLC0415  (loads pandas)

        self.writer.flush()
        answer = self._client.call("GetRunMetrics", {"RunName": self.name})
        frame: pd.DataFrame = metric_frame(answer["Series"])
        return frame

    def _flush(self) -> None:
        if self.writer.directory is not None:
            self.writer.flush()

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Write what was logged, and note that the run has ended, and how."""
        self.writer.close()
        request = {
            "RunName": self.name,
            "Status": end_state(status, error),
            "EndTime": time.time(),
            "Metrics": summaries(scan(self.folder)),
        }
        self._client.call("EndRun", request)


def begin(name: str, parameters: Mapping[str, Any]) -> Run:
    """Create a run under the next number of a name, with where it comes from."""
    client = session.client()
    workspace = session.workspace_of(client)
    given = recorded(parameters)

    def create(numbered: str) -> None:
        client.call(
            "CreateTrialComponent",
            {
                "TrialComponentName": numbered,
                "DisplayName": numbered,
                "Status": {"PrimaryStatus": "InProgress"},
                "StartTime": time.time(),
                "Parameters": given,
            },
        )

    begun = create_numbered(client, "TrialComponent", name, create)
    folder = workspace.run_dir(begun)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "provenance.json").write_text(json.dumps(origin()), encoding="utf-8")
    return Run(begun, client, folder)


def origin() -> dict[str, Any]:
    """Return where a run that begins now comes from: outside of IPython, from no cell."""
    ip = shell()
    if ip is None:
        return provenance("")
    # As it was written: `In` has it with its magics translated.
    source = str(ip.history_manager.input_hist_raw[-1])
    magic, _, below = source.lstrip().partition("\n")
    code = ip.transform_cell(below if magic.startswith("%%") else source)
    inputs = inputs_of(code, ip.user_ns, ip.user_ns_hidden)
    return provenance(source, inputs=inputs)


def end_state(status: str, error: BaseException | None) -> dict[str, str]:
    """Return how a run ended, as the API spells it."""
    if error is None:
        return {"PrimaryStatus": status}
    # one line, as the API has it
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return {"PrimaryStatus": status, "Message": message[:_LONGEST_MESSAGE]}


def summaries(series: Mapping[str, Series]) -> list[dict[str, Any]]:
    """Return metrics in short, by name."""
    return [series[name].summary() for name in sorted(series)]


def recorded(parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return parameters as the API spells them; what looks like a secret is hidden."""
    return {name: _parameter(name, value) for name, value in parameters.items()}


def _parameter(name: str, value: Any) -> dict[str, Any]:
    if why_secret(name, value):
        return {"StringValue": HIDDEN}
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return {"NumberValue": float(value)}
    return {"StringValue": value if isinstance(value, str) else repr(value)}
