"""What the Jupyter server loads: the routes, all below ``jupyter-ml/`` of its base URL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp

from jupyter_ml.aws.handler import AwsHandler
from jupyter_ml.aws.s3.handler import S3Access, S3Handler
from jupyter_ml.core.configuration import JupyterML
from jupyter_ml.server.api import CredentialsHandler, OperationHandler, PresenceHandler
from jupyter_ml.server.backend import Backend
from jupyter_ml.server.endpoints import InvocationHandler
from jupyter_ml.server.metrics import Figures, MetricsHandler
from jupyter_ml.server.openapi import OpenApiHandler
from jupyter_ml.server.stream import StreamHandler
from jupyter_ml.server.topics import Topics
from jupyter_ml.server.upkeep import Upkeep

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


class JupyterMLApp(ExtensionApp):
    """The extension; it opens nothing of the workspace before somebody asks for something."""

    name = "jupyter_ml"
    classes = [JupyterML]  # noqa: RUF012  (a trait of the base class)

    def initialize_handlers(self) -> None:
        """Add the routes."""
        configured = JupyterML(parent=self)
        # Kernels and terminals inherit the server's environment, and with it the workspace.
        os.environ.update(configured.environment())
        settings = configured.settings()
        settings.leave_password()
        self._backend = Backend(settings)
        self._topics = Topics(self._backend.read)
        self._s3 = S3Access(lambda: self._backend.s3)
        activity = self.serverapp.web_app.settings["last_activity_times"]  # type: ignore[union-attr]
        self._upkeep = Upkeep(self._backend, activity)
        self.handlers.extend(routes(self._backend, self._topics, self._s3))
        self.log.info("jupyter_ml works in %s", self._backend.settings.workspace)

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        del serverapp
        self._upkeep.start()

    def current_activity(self) -> bool:
        """Return whether jobs run, which keeps a server from culling itself."""
        return self._upkeep.is_busy

    async def stop_extension(self) -> None:
        """Let go of the workspace; jobs and endpoints go on."""
        await self._upkeep.stop()
        await self._topics.close()
        self._s3.close()
        self._backend.close()


def routes(
    backend: Backend, topics: Topics, s3: S3Access
) -> list[tuple[str, type, dict[str, Any]]]:
    """Return the table of routes: pattern below the base URL, handler, what the handler gets."""
    return [
        (r"jupyter-ml/api", PresenceHandler, {"backend": backend}),
        (r"jupyter-ml/api/openapi\.json", OpenApiHandler, {"backend": backend}),
        (r"jupyter-ml/api/stream", StreamHandler, {"topics": topics}),
        (r"jupyter-ml/api/([A-Z][A-Za-z]+)", OperationHandler, {"backend": backend}),
        (r"jupyter-ml/metrics", MetricsHandler, {"backend": backend, "figures": Figures(backend)}),
        (r"jupyter-ml/credentials", CredentialsHandler, {"backend": backend}),
        (
            r"jupyter-ml/endpoints/([^/]+)/invocations",
            InvocationHandler,
            {"backend": backend},
        ),
        (r"jupyter-ml/aws/s3(/.*)?", S3Handler, {"access": s3}),
        (r"jupyter-ml/aws(/.*)?", AwsHandler, {"handle": backend.answer_aws}),
    ]
