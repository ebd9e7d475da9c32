"""``GET jupyter-ml/api/openapi.json``: what this server answers, as an OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson
from tornado import web

import jupyter_ml
from jupyter_ml.contract import openapi
from jupyter_ml.server.api import MLHandler

Json = dict[str, Any]

_ABOUT: Final = """\
SageMaker's API, and what it has no word for, on this machine.

Every operation is a POST of a JSON object. Times are epoch seconds; a member that is null is one
that is not there; numbers that JSON lacks are answered as null. Errors have a code and a message
that says what is wrong and what to do.

AWS clients send the same operations, signed, to `jupyter-ml/aws` with the key pair of
`jupyter-ml/credentials`, and those of S3 to `jupyter-ml/aws/s3`. An endpoint's own address is in
its description; it takes what `invocations` takes, with the endpoint's token.
"""
_STREAM: Final = """\
A WebSocket. The client sends `{"type": "subscribe", "id": "1", "operation": "WatchTrainingJobs",
"input": {}}` for any operation named Watch..., and `{"type": "unsubscribe", "id": "1"}`; the server
sends `{"type": "update", "id": "1", "output": {...}}` and
`{"type": "error", "id": "1", "error": {...}}`. Who comes back puts the last `Cursor` of an output
into `input` and goes on there.
"""


class OpenApiHandler(MLHandler):
    """Answers with the document; it is made when it is first asked for."""

    _track_activity = False

    @web.authenticated
    async def get(self) -> None:
        """Answer without opening the workspace."""
        await self.authorize("read")
        self.finish(await self.backend.run(lambda: _encoded(self.base_url)))


@cache
def _encoded(base_url: str) -> bytes:
    return orjson.dumps(document(base_url))


def document(base_url: str) -> Json:
    """Return the OpenAPI document of a server.

    Parameters
    ----------
    base_url
        Path that everything of the Jupyter server is below, with slashes at both ends.
    """
    from jupyter_ml.services import registry  # noqa: PLC0415  (imports all services)

    known = registry()
    words = {name: known.members_of(name) for name in known.operations}
    paths, schemas = openapi.paths_of(known.operations, words, "/api/")
    schemas[openapi.ERROR] = openapi.error_schema()
    refusal = openapi.answer_of("A refusal.", {"$ref": f"#/components/schemas/{openapi.ERROR}"})
    return {
        "openapi": openapi.VERSION,
        "info": {
            "title": "jupyter_ml",
            "version": jupyter_ml.__version__,
            "description": _ABOUT,
            "license": {"name": "BSD-3-Clause", "identifier": "BSD-3-Clause"},
        },
        "servers": [{"url": f"{base_url}jupyter-ml"}],
        "security": [{"token": []}, {"tokenInUrl": []}],
        "paths": {**_beside(), **paths},
        "components": {
            "schemas": schemas,
            "responses": {"Refusal": refusal},
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token ` and the token of the Jupyter server.",
                },
                "tokenInUrl": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


def _beside() -> Json:
    """Return the addresses beside the operations."""
    anything = {"type": "object"}
    body: Json = {"application/octet-stream": {"schema": {}}}
    return {
        "/api": _get("GetPresence", "Says whether the extension is here.", anything),
        "/api/openapi.json": _get("GetOpenApi", "Answers this document.", anything),
        "/api/stream": {
            "get": {
                "operationId": "OpenStream",
                "tags": ["server"],
                "summary": "Pushes what changed.",
                "description": _STREAM,
                "responses": {"101": {"description": "The connection."}, **openapi.refusals()},
            }
        },
        "/credentials": _get("GetCredentials", "Answers the key pair of AWS clients.", anything),
        "/metrics": _metrics(),
        "/endpoints/{EndpointName}/invocations": {
            "post": {
                "operationId": "InvokeEndpoint",
                "tags": ["sagemaker-runtime"],
                "summary": "Invokes an endpoint with the body as it is, of up to 25 MB.",
                "parameters": [
                    {
                        "name": "EndpointName",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string"},
                    }
                ],
                "requestBody": {"content": body},
                "responses": {
                    "200": {"description": "What the model answers.", "content": body},
                    **openapi.refusals(),
                },
            }
        },
    }


def _metrics() -> Json:
    return {
        "get": {
            "operationId": "GetMetrics",
            "tags": ["server"],
            "summary": "Answers the workspace's figures for Prometheus.",
            "responses": {
                "200": {
                    "description": "The figures in Prometheus' text format.",
                    "content": {"text/plain": {"schema": {"type": "string"}}},
                },
                **openapi.refusals(),
            },
        }
    }


def _get(name: str, summary: str, schema: Json) -> Json:
    return {
        "get": {
            "operationId": name,
            "tags": ["server"],
            "summary": summary,
            "responses": {"200": openapi.answer_of("The answer.", schema), **openapi.refusals()},
        }
    }
