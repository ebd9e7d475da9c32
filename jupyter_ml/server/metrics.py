"""``GET jupyter-ml/metrics``: the workspace's figures, for Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any

from tornado import web

import jupyter_ml
from jupyter_ml.core.exposition import CONTENT_TYPE, Family, single, written
from jupyter_ml.server.api import MLHandler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.server.backend import Backend

Json = dict[str, Any]

# To find out what takes the space, all files are looked at: not as often as a scraper asks.
_DISK_EVERY_S = 300.0


class Figures:
    """The figures of a workspace, for a scraper that asks again and again.

    Parameters
    ----------
    backend
        The workspace.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._looking = Lock()
        self._usage: Json = {}
        self._looked_at: float | None = None

    def read(self) -> bytes:
        """Return the body of an answer; not for the loop's own thread."""
        call = self._backend.client.call
        about = {
            "version": jupyter_ml.__version__,
            "region": self._backend.settings.region,
            "account": self._backend.settings.account_id,
        }
        name, says = "jupyter_ml_info", "What answers."
        info = single(name, "gauge", says, 1, about)
        return written([info, *counted(call("GetWorkspaceCounts", {})), self._disk()])

    def _disk(self) -> Family:
        with self._looking:
            now = time.monotonic()
            if self._looked_at is None or now - self._looked_at >= _DISK_EVERY_S:
                self._usage = self._backend.client.call("GetDiskUsage", {})
                self._looked_at = now
            usage = self._usage
        bytes_: Counter[str] = Counter()
        for item in usage["Items"]:
            bytes_[item["Kind"]] += item["Bytes"]
        return Family(
            "jupyter_ml_workspace_bytes",
            "gauge",
            "What takes the space of the workspace, looked at every five minutes.",
            [("", {"kind": kind}, size) for kind, size in sorted(bytes_.items())],
        )


def counted(counts: Mapping[str, Any]) -> list[Family]:
    """Return what `GetWorkspaceCounts` answered as metrics."""
    resources = [
        ("", {"kind": one["ResourceType"], "status": one.get("Status", "")}, one["Count"])
        for one in counts["Resources"]
    ]
    attempts = [("", {"state": one["State"]}, one["Count"]) for one in counts["Attempts"]]
    return [
        Family(
            "jupyter_ml_resources",
            "gauge",
            "Jobs, endpoints, runs and whatever else there is, by kind and status.",
            resources,
        ),
        Family(
            "jupyter_ml_attempts",
            "gauge",
            "Attempts of jobs and endpoints that are queued, start or run.",
            attempts,
        ),
        single(
            "jupyter_ml_events_total",
            "counter",
            "Events that were recorded.",
            counts["Events"],
        ),
        single(
            "jupyter_ml_disk_free_bytes",
            "gauge",
            "Free space where the workspace lies.",
            counts["DiskFreeBytes"],
        ),
        single(
            "jupyter_ml_disk_floor_bytes",
            "gauge",
            "Free space under which nothing is accepted.",
            counts["DiskFloorBytes"],
        ),
    ]


class MetricsHandler(MLHandler):
    """Answers in Prometheus' text format; a scraper is not activity of the user."""

    _track_activity = False

    def initialize(self, backend: Backend, figures: Figures | None = None) -> None:
        """Keep what the route works with; the table of routes gives both."""
        super().initialize(backend)
        self.figures = figures or Figures(backend)

    @web.authenticated
    async def get(self) -> None:
        """Answer with all figures."""
        await self.authorize("read")
        self.finish(
            await self.backend.run(self.figures.read),
            set_content_type=CONTENT_TYPE,
        )
