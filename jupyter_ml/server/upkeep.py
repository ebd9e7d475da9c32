"""Upkeep: while work is live, tick, and tell the server that it is not idle.

Supervisors and the timekeeper see to the work without any server; this one only notices
sooner. A server that culls itself when idle must not do so while its jobs run.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_ml.contract.errors import ServiceUnavailable
from jupyter_ml.core.store.marker import is_used

if TYPE_CHECKING:
    from jupyter_ml.server.backend import Backend

    Activity = dict[str, datetime]

log = logging.getLogger(__name__)

LIVE_S = 2.0
QUIET_S = 15.0


class Upkeep:
    """The task that looks after a server's workspace.

    Parameters
    ----------
    backend
        The workspace.
    activity
        The server's table of last activities; an entry of ours is kept fresh while jobs run.
    live_s, quiet_s
        Time between two looks while jobs run, and while none do.
    """

    def __init__(
        self,
        backend: Backend,
        activity: Activity,
        *,
        live_s: float = LIVE_S,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._backend = backend
        self._activity = activity
        self._live_s, self._quiet_s = live_s, quiet_s
        self._task: asyncio.Task[None] | None = None
        self.is_busy = False

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; the work goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                # A workspace that nobody has used yet must not be made by looking at it.
                if is_used(self._backend.settings.workspace):
                    await self._look_after()
            except ServiceUnavailable as error:
                log.warning("%s It will be tried again.", error)
            except Exception:
                log.exception("looking after the workspace failed; it will be tried again")
            await asyncio.sleep(self._live_s if self.is_busy else self._quiet_s)

    async def _look_after(self) -> None:
        await self._backend.run(self._backend.attend)
        counts = (await self._backend.call("WatchTrainingJobs", {"MaxResults": 1}))["Counts"]
        self.is_busy = bool(counts["InProgress"] or counts["Queued"])
        if self.is_busy:
            self._activity["jupyter_ml"] = datetime.now(UTC)
