"""Endpoints: a model that answers requests until it is deleted.

A Model names the model's files, an inference script and its environment; an EndpointConfig says
on what and with how many workers; an Endpoint runs one configuration. What runs is a
`jupyter_ml.serving` process, an attempt that is started again whenever it ends. Each deployed
configuration is a generation with an attempt of its own: an update starts the next one, and
the one before is ended only when its successor answers.

`operations` writes what is wanted, `reactors` notes what became of it, `watch` tells the
interface, and `invoke` is the data plane.
"""

from __future__ import annotations

from jupyter_ml.core.resources import Resource
from jupyter_ml.services.endpoints.found import ALIASES, endpoints_of, models_of
from jupyter_ml.services.endpoints.generations import describe_endpoint

RESOURCES = (
    Resource(
        "Model",
        key="ModelName",
        arn="model/{key}",
        searched={"Model": models_of, "Endpoints": endpoints_of},
        aliases=ALIASES,
    ),
    Resource("EndpointConfig", key="EndpointConfigName", arn="endpoint-config/{key}"),
    Resource(
        "Endpoint",
        key="EndpointName",
        arn="endpoint/{key}",
        status="EndpointStatus",
        derives=("Describe", "List"),
        describe=describe_endpoint,
    ),
)
