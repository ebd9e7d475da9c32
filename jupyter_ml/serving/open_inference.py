"""The Open Inference Protocol, version 2 (KServe, Triton, MLServer): `/v2` of an endpoint.

Its tensors become an invocation and the answer becomes tensors again, so limits, batching, workers
and scripts are those of `/invocations`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import jupyter_ml
from jupyter_ml.serving import codec, tensors
from jupyter_ml.serving.columns import PayloadError
from jupyter_ml.serving.inference import Reply
from jupyter_ml.serving.payloads import JSON, media_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_ml.serving.app import Backend

Json = dict[str, Any]

ROOT = "/v2"
# Larger bodies are translated off the event loop, which others wait for.
_LARGE_BYTES = 65_536
_BINARY_HEADER = b"inference-header-content-length"


class OpenInference:
    """Answers the protocol for one endpoint; the name of its model is the endpoint's.

    Parameters
    ----------
    name
        The endpoint.
    backend
        Who answers invocations.
    ready
        What the model said of itself when it was loaded.
    """

    def __init__(self, name: str, backend: Backend, ready: Mapping[str, Any]) -> None:
        self._name = name
        self._backend = backend
        self._ready = ready
        self._outputs: list[Json] | None = None
        self._model = f"{ROOT}/models/{name}"

    def is_infer(self, method: str, path: str) -> bool:
        """Return whether this asks the model for predictions."""
        return method == "POST" and path == f"{self._model}/infer"

    async def answer(self, method: str, path: str) -> Reply:
        """Return the reply to any request but one for predictions."""
        answers = {
            ROOT: self._server,
            f"{ROOT}/health/live": self._live,
            f"{ROOT}/health/ready": self._server_ready,
            self._model: self._metadata,
            f"{self._model}/ready": self._model_ready,
        }
        path = path.rstrip("/")
        if path in answers and method == "GET":
            return await answers[path]()
        if path in answers or path == f"{self._model}/infer":
            return refusal(405, f"{method} {path} is not served.")
        return refusal(404, self._unknown(path))

    async def infer(self, body: bytes, content_type: str, accept: str) -> Reply:
        """Return the predictions for tensors; what is wrong is in the reply."""
        del accept  # the protocol has one form
        if media_type(content_type) not in {JSON, ""}:
            return refusal(415, f"Content type {content_type!r} is not served; send {JSON}.")
        try:
            if len(body) > _LARGE_BYTES:
                identity, inner = await asyncio.to_thread(self._invocation, body)
            else:
                identity, inner = self._invocation(body)
        except PayloadError as error:
            return refusal(error.status, str(error))
        reply = await self._backend.infer(inner, JSON, JSON)
        if reply.status != 200:
            return translated(reply)
        if len(reply.body) > _LARGE_BYTES:
            return await asyncio.to_thread(self._response, identity, reply.body)
        return self._response(identity, reply.body)

    def _invocation(self, body: bytes) -> tuple[str | None, bytes]:
        try:
            request = codec.loads(body)
        except ValueError as error:
            msg = f"The body is not JSON: {error}."
            raise PayloadError(msg) from None
        call = tensors.parsed(request, self._ready["columns"])
        return call.identity, codec.dumps(call.body)

    def _response(self, identity: str | None, body: bytes) -> Reply:
        try:
            output = _tensor(body)
        except ValueError as error:
            # Only a script can answer such: the default handler's predictions are a tensor.
            return refusal(500, f"The model's answer is no tensor: {error}.")
        named = {} if identity is None else {"id": identity}
        answer = {"model_name": self._name, **named, "outputs": [output]}
        return Reply(200, JSON, codec.dumps(answer))

    async def _server(self) -> Reply:
        return _ok({"name": "jupyter_ml", "version": jupyter_ml.__version__, "extensions": []})

    async def _live(self) -> Reply:
        return _ok({"live": True})

    async def _server_ready(self) -> Reply:
        return _ok({"ready": True}) if self._backend.workers else _unready()

    async def _model_ready(self) -> Reply:
        about = {"name": self._name, "ready": True}
        return _ok(about) if self._backend.workers else _unready()

    async def _metadata(self) -> Reply:
        if self._outputs is None:
            self._outputs = await self._seen_outputs()
        return _ok(
            {
                "name": self._name,
                "platform": "jupyter_ml",
                "inputs": self._ready["inputs"],
                "outputs": self._outputs or [],
            }
        )

    async def _seen_outputs(self) -> list[Json] | None:
        """Return what the model answers to its sample row; `None` where that cannot be told."""
        sample = self._ready["sample_request"]
        if sample is None:
            return None
        reply = await self._backend.infer(sample.encode(), JSON, JSON)
        if reply.status != 200:
            return None
        try:
            output = _tensor(reply.body)
        except ValueError:
            return None
        shape = [-1, *output["shape"][1:]]
        return [{"name": output["name"], "datatype": output["datatype"], "shape": shape}]

    def _unknown(self, path: str) -> str:
        if path.startswith(f"{self._model}/versions"):
            return "An endpoint has no versions of its model; leave /versions/... out."
        if path.startswith(f"{ROOT}/models/") and not path.startswith(f"{self._model}/"):
            return f"The endpoint serves the model {self._name!r}, and no other: not {path}."
        return f"{path} is not served."


def translated(reply: Reply) -> Reply:
    """Return an error of `/invocations` in the protocol's form."""
    return refusal(reply.status, codec.loads(reply.body)["message"])


def refusal(status: int, message: str) -> Reply:
    """Return an error: `{"error"}`."""
    return Reply(status, JSON, codec.dumps({"error": message}))


def binary_refusal(headers: Iterable[tuple[bytes, bytes]]) -> Reply | None:
    """Return the refusal of a body that is not JSON text alone; `None` for one that is."""
    for name, value in headers:
        if name == _BINARY_HEADER:
            return refusal(
                400,
                "The binary data extension is not served: send tensors as JSON, without "
                "Inference-Header-Content-Length (binary_data=False in Triton's client).",
            )
        if name == b"content-encoding" and value.lower() != b"identity":
            return refusal(
                415, f"Content-Encoding {value.decode()!r} is not served; send it plain."
            )
    return None


def _tensor(body: bytes) -> Json:
    answer = codec.loads(body)
    if isinstance(answer, dict):
        answer = answer.get("predictions")
    return tensors.answered(answer)


def _ok(value: Json) -> Reply:
    return Reply(200, JSON, codec.dumps(value))


def _unready() -> Reply:
    return refusal(503, "No worker holds the model now.")
