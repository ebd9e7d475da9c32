"""The client: what every surface holds instead of the store.

`connect` returns one for the workspace that the environment names. A topic that can be
followed is a read operation with a `Cursor`: without one it answers everything, with one what
came since.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_ml.contract.errors import MLError
from jupyter_ml.engine.awaiting import Awaited
from jupyter_ml.engine.durable import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from jupyter_ml.core.backup.restore import Restored
    from jupyter_ml.core.runtime import Runtime
    from jupyter_ml.core.settings import Settings

Json = dict[str, Any]
log = logging.getLogger(__name__)
POLL_S = 0.25
_ATTEND_EVERY_S = 0.3
Pause = Callable[[float], None]


class Subscription:
    """Something that is followed until it is closed."""

    def __init__(self, poll: Callable[[], None], poll_s: float, name: str) -> None:
        self._closed = threading.Event()
        self._poll, self._poll_s = poll, poll_s
        self._thread = threading.Thread(target=self._follow, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following; no update comes after it returned, unless called from an update."""
        self._closed.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _follow(self) -> None:
        while not self._closed.is_set():
            self._poll()
            self._closed.wait(self._poll_s)


class Client(Protocol):
    """Calls operations of one workspace, wherever it is."""

    def call(self, operation: str, request: Json | None = None) -> Json:
        """Run an operation; see `jupyter_ml.core.context.Context.call`."""

    def subscribe(
        self,
        operation: str,
        request: Json,
        on_update: Callable[[Json], None],
        on_error: Callable[[MLError], None] | None = None,
    ) -> Subscription:
        """Follow a read operation that has a cursor; updates come on a thread of their own."""

    def attend(self) -> object:
        """See to it that wishes become work; for callers that wait."""

    def waiting(self, kind: str, key: str) -> AbstractContextManager[Pause]:
        """Return what to pause with, as long as one waits for the end of a resource's work."""


class LocalClient:
    """A client of a workspace on this machine.

    Parameters
    ----------
    settings
        Names the workspace.
    source
        The surface that calls, for the event log: "toolkit", "server", "aws" or "cli".
    """

    def __init__(self, settings: Settings, source: str = "toolkit") -> None:
        self.settings = settings
        self.source = source

    @property
    def runtime(self) -> Runtime:
        """The workspace and its engine, opened when first needed."""
        from jupyter_ml.composition import compose  # noqa: PLC0415  (imports the store)

        return compose(self.settings)

    def call(self, operation: str, request: Json | None = None) -> Json:
        """Run an operation; wishes become work before it returns."""
        from jupyter_ml.core.context import Context  # noqa: PLC0415
        from jupyter_ml.core.runtime import Principal  # noqa: PLC0415
        from jupyter_ml.services import data_plane  # noqa: PLC0415

        principal = Principal(self.settings.user, self.source)
        if operation in data_plane():
            return data_plane()[operation](self.runtime, request or {}, principal)
        ctx = Context(self.runtime, principal)
        response = ctx.call(operation, request)
        if ctx.wishes:
            self.attend()
        elif ctx.wrote and self.settings.replica:
            from jupyter_ml.composition import have_copied  # noqa: PLC0415

            self._see_to(have_copied)
        return response

    def restore(self, backup: Path, *, keep_files: bool = False, force: bool = False) -> Restored:
        """Make the workspace from a backup; see `jupyter_ml.core.backup.restore.restore`."""
        from jupyter_ml.core.backup.restore import restore  # noqa: PLC0415

        runtime = self.runtime
        restored = restore(
            runtime.workspace, backup, runtime.clock(), keep_files=keep_files, force=force
        )
        self.attend()  # what was under way then is told that it is over
        return restored

    def attend(self) -> bool:
        """Make wishes work now; return whether that went through, or is left to a later pass."""
        from jupyter_ml.composition import attend  # noqa: PLC0415

        return self._see_to(attend)

    def _see_to(self, what: Callable[[Runtime], None]) -> bool:
        try:
            what(self.runtime)
        except OSError:
            # The wish is in the store; a full disk or process table must not hide that.
            log.warning("work could not be started now; it will be tried again", exc_info=True)
            return False
        return True

    @contextmanager
    def waiting(self, kind: str, key: str) -> Iterator[Pause]:
        """Return what to pause with: it ends within milliseconds of the work's end."""
        waiter = _Waiter(self, self.runtime.workspace.work_dir(kind, key, 1).parent)
        try:
            yield waiter.pause
        finally:
            waiter.leave()

    def subscribe(
        self,
        operation: str,
        request: Json,
        on_update: Callable[[Json], None],
        on_error: Callable[[MLError], None] | None = None,
    ) -> Subscription:
        """Follow a read operation that has a cursor."""
        return follow(self, operation, request, on_update, on_error)


class _Waiter:
    """Waits for the newest attempt of a resource, and takes note of its end.

    Parameters
    ----------
    client
        Of the workspace.
    folder
        Where the attempts are.
    """

    def __init__(self, client: LocalClient, folder: Path) -> None:
        self._client, self._folder = client, folder
        self._attended = time.monotonic()
        self._awaited: Awaited | None = None
        self._noted: set[str] = set()

    def pause(self, seconds: float) -> None:
        """Pause so long, or until the work ends."""
        until = time.monotonic() + seconds
        from jupyter_ml.background import is_retention_due  # noqa: PLC0415  (it starts processes)

        directory = self._newest()
        if directory is not None and directory not in self._noted and self._is_ours(directory):
            self._follow(directory)
            if self._awaited is not None and self._awaited.wait(seconds):
                self._noted.add(directory)
                # Where something else is due, the supervisor starts a process for it.
                if self._client.attend() and not is_retention_due(self._client.runtime):
                    self._awaited.taken_note_of()
                return
        time.sleep(max(0.0, until - time.monotonic()))
        if time.monotonic() - self._attended > _ATTEND_EVERY_S:
            self._client.attend()
            self._attended = time.monotonic()

    def leave(self) -> None:
        """Wait no more."""
        if self._awaited is not None:
            self._awaited.close()
            self._awaited = None

    def _follow(self, directory: str) -> None:
        if self._awaited is not None and self._awaited.directory == directory:
            return
        self.leave()
        with contextlib.suppress(OSError):  # it was removed, or the disk is full: poll instead
            self._awaited = Awaited(directory)

    def _is_ours(self, directory: str) -> bool:
        """Return whether its end is for this machine to take note of."""
        machine = self._client.settings.machine
        spec = read_json(f"{directory}/work.json") if machine else {}
        return not machine or (spec or {}).get("host") == machine

    def _newest(self) -> str | None:
        with contextlib.suppress(OSError):
            numbers = [int(path.name) for path in self._folder.iterdir() if path.name.isdigit()]
            return str(self._folder / str(max(numbers))) if numbers else None
        return None


def follow(
    client: Client,
    operation: str,
    request: Json,
    on_update: Callable[[Json], None],
    on_error: Callable[[MLError], None] | None = None,
) -> Subscription:
    """Call a read operation again and again with the last cursor, and pass on what came."""
    state: Json = {"cursor": request.get("Cursor"), "failed": False}

    def poll() -> None:
        cursor = state["cursor"]
        try:
            output = client.call(operation, {**request, **({"Cursor": cursor} if cursor else {})})
        except MLError as error:
            if not state["failed"] and on_error is not None:
                on_error(error)
            state["failed"] = True
            return
        state["failed"] = False
        if output["Cursor"] != cursor:
            state["cursor"] = output["Cursor"]
            on_update(output)

    return Subscription(poll, POLL_S, f"jupyter_ml {operation}")


def paginate(client: Client, operation: str, request: Json, items: str) -> Iterator[Json]:
    """Yield all items of a List operation, page after page."""
    token: str | None = None
    while True:
        page = client.call(operation, {**request, **({"NextToken": token} if token else {})})
        yield from page[items]
        token = page.get("NextToken")
        if token is None:
            return


def connect(settings: Settings | None = None, source: str = "toolkit") -> Client:
    """Return the client of the workspace that the settings or the environment name.

    With `JUPYTER_ML_URL` set, that of the shared workspace behind this address.
    """
    url = os.environ.get("JUPYTER_ML_URL")
    if settings is None and url:
        from jupyter_ml.client_http import HttpClient  # noqa: PLC0415

        return HttpClient(url, os.environ.get("JUPYTER_ML_TOKEN", ""))
    from jupyter_ml.core.settings import Settings  # noqa: PLC0415

    return LocalClient(settings or Settings.from_environment(), source)
