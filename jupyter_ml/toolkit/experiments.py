"""Comparing runs: only what differs, with the diff of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit import session
from jupyter_ml.toolkit.arguments import require_text
from jupyter_ml.toolkit.display.bundle import Displayed, Shown
from jupyter_ml.toolkit.display.comparison import shown_comparison
from jupyter_ml.toolkit.verbs.names import find

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from jupyter_ml.client import Client

_MOST = 1000
_COMPARE = "ml.compare(job, 'cancer-2')"
_COMPARABLE = ("TrainingJob", "TrialComponent")


class Comparison(Displayed):
    """Two or more runs side by side.

    Parameters
    ----------
    names
        Names of training jobs or runs; the first is what the others are compared with.
    client
        Of the workspace that they belong to.
    """

    def __init__(self, names: list[str], client: Client) -> None:
        super().__init__(client)
        self.names = names

    def compare(self) -> dict[str, Any]:
        """Return the answer of `CompareRuns`."""
        return self._client.call("CompareRuns", {"Names": self.names})

    def shown(self) -> Shown:
        """Return how the comparison looks now."""
        return shown_comparison(self.compare(), self.names)

    def to_frame(self) -> pd.DataFrame:
        """Return parameters and metrics.

        Returns
        -------
        DataFrame
            One row per run; parameters that differ and all metrics as columns.
        """
        import pandas as pd  # noqa: PLC0415  (slow; only for those who ask for a frame)

        answer = self.compare()
        columns = {item["Name"]: item["Values"] for item in answer["Parameters"] if item["Differs"]}
        columns.update({item["Name"]: item["Values"] for item in answer["Metrics"]})
        return pd.DataFrame(columns, index=[run["Name"] for run in answer["Runs"]])


def compare(*runs: Any) -> Comparison:
    """Compare training jobs or runs: `ml.compare(job, job2)`, `ml.compare("cancer-1", run)`.

    Parameters
    ----------
    *runs
        Two to a thousand jobs, runs or their names.

    Raises
    ------
    UsageError
        Fewer than two, more than twenty, or one that there is not.
    """
    names = [getattr(run, "name", run) for run in runs]
    for name in names:
        require_text(name, "What is compared is a job, a run or its name, which", _COMPARE)
    client = next((run._client for run in runs if hasattr(run, "_client")), None)  # noqa: SLF001
    return compared(names, client or session.client())


def compared(words: Sequence[str], client: Client) -> Comparison:
    """Return the comparison of what some words mean: names, or names without their number.

    Raises
    ------
    UsageError
        There are fewer than two or more than twenty words, or one means nothing.
    """
    if not 2 <= len(words) <= _MOST:
        msg = f"Compare 2 to {_MOST:,} runs, not {len(words)}: ml.compare(job, job2)."
        raise UsageError(msg)
    return Comparison([find(client, word, _COMPARABLE)[1] for word in words], client)
