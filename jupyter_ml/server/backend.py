"""What the routes of one server share: the workspace's client, run in threads.

The client, and with it SageMaker's model and the store, is made at the first request, so that
the extension costs a Jupyter server nothing until it is used.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_ml.client import LocalClient
from jupyter_ml.server.encoding import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_ml.aws.gateway import Answer, Gateway
    from jupyter_ml.aws.keys import KeyPair
    from jupyter_ml.aws.s3.gateway import Gateway as S3Gateway
    from jupyter_ml.aws.sigv4 import SignedRequest
    from jupyter_ml.core.settings import Settings

Json = dict[str, Any]
T = TypeVar("T")

CONTROL_THREADS = 8
# Invocations wait for models, so they have threads of their own and never hold up the rest.
INVOCATION_THREADS = 32


class Backend:
    """Runs operations of one workspace for a server.

    Parameters
    ----------
    settings
        Names the workspace.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._opening = Lock()
        self._control = ThreadPoolExecutor(CONTROL_THREADS, "jupyter_ml")
        self._invocations = ThreadPoolExecutor(INVOCATION_THREADS, "jupyter_ml-invoke")

    async def call(self, operation: str, request: Json) -> Json:
        """Run an operation without holding up the loop."""
        return await self.run(partial(self._call, operation, request))

    async def answer(self, operation: str, request: Json) -> str:
        """Run an operation; return its answer as JSON, which for curves takes time of its own."""
        return await self.run(lambda: encode(self._call(operation, request)))

    async def read(self, operation: str, request: Json) -> tuple[str, str]:
        """Return the cursor of an answer, and the answer as JSON."""

        def work() -> tuple[str, str]:
            output = self.client.call(operation, request)
            return output["Cursor"], encode(output)

        return await self.run(work)

    async def invoke(self, request: Json) -> Json:
        """Invoke an endpoint."""
        work = partial(self._call, "InvokeEndpoint", request)
        return await asyncio.get_running_loop().run_in_executor(self._invocations, work)

    async def answer_aws(self, request: SignedRequest, path: str) -> Answer:
        """Answer a request of an AWS client; see `Gateway.handle`."""
        pool = self._invocations if path.endswith("/invocations") else self._control

        def work() -> Answer:
            return self.gateway.handle(request, path)

        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def attend(self) -> None:
        """See to it that wishes become work; not for the loop's own thread."""
        self.client.attend()

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._control, work)

    def _call(self, operation: str, request: Json) -> Json:
        return self.client.call(operation, request)

    @property
    def client(self) -> LocalClient:
        """The client of the server's own callers; its first use, in a thread, opens the store."""
        with self._opening:
            return self._client

    @property
    def gateway(self) -> Gateway:
        """The gateway for AWS clients."""
        with self._opening:
            return self._gateway

    @property
    def s3(self) -> S3Gateway:
        """The gateway for S3 clients."""
        with self._opening:
            return self._s3

    @property
    def keys(self) -> KeyPair:
        """The key pair of the gateway."""
        with self._opening:
            return self._keys

    @cached_property
    def _client(self) -> LocalClient:
        client = LocalClient(self.settings, "server")
        client.runtime  # noqa: B018  (opened here, once, not by several threads at once)
        return client

    @cached_property
    def _keys(self) -> KeyPair:
        from jupyter_ml.aws.keys import gateway_keys  # noqa: PLC0415
        from jupyter_ml.core.workspace import Workspace  # noqa: PLC0415  (imports the store)

        return gateway_keys(Workspace.open(self.settings).key_dir, self.settings)

    @cached_property
    def _gateway(self) -> Gateway:
        from jupyter_ml.aws.gateway import Gateway  # noqa: PLC0415
        from jupyter_ml.aws.owner import Owner  # noqa: PLC0415

        client = LocalClient(self.settings, "aws")
        since = client.runtime.workspace.made_at
        owner = Owner(self.settings.account_id, self.settings.user, since)
        return Gateway(client.call, self._keys, self.settings.region, owner)

    @cached_property
    def _s3(self) -> S3Gateway:
        from jupyter_ml.aws.s3.gateway import Gateway  # noqa: PLC0415
        from jupyter_ml.core.workspace import Workspace  # noqa: PLC0415  (imports the store)

        return Gateway(Workspace.open(self.settings), self._keys)

    def close(self) -> None:
        """Let the threads go; work that they started goes on."""
        self._control.shutdown(wait=False, cancel_futures=True)
        self._invocations.shutdown(wait=False, cancel_futures=True)
