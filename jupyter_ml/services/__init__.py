"""The rooms of the house, one per SageMaker system, and the one list of them.

Services never import each other: they call operations (`ctx.call`) and react to events.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.operations import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyter_ml.core.runtime import Principal, Runtime

    Json = dict[str, Any]

SERVICES = (
    "jupyter_ml.services.workspace",
    "jupyter_ml.services.training",
    "jupyter_ml.services.endpoints",
    "jupyter_ml.services.experiments",
    "jupyter_ml.services.audit",
    "jupyter_ml.services.logs",
)
# The operations that follow for all kinds of resources at once.
MECHANISM = ("jupyter_ml.core.tagging", "jupyter_ml.core.search.search")


@cache
def registry() -> Registry:
    """Return all operations, resources, reactors and timers that there are."""
    return Registry((*MECHANISM, *SERVICES))


@cache
def data_plane() -> Mapping[str, Callable[[Runtime, Json, Principal], Json]]:
    """Return the operations that bypass the control plane, by name."""
    from jupyter_ml.services.endpoints.invoke import invoke_endpoint  # noqa: PLC0415

    return {"InvokeEndpoint": invoke_endpoint}
