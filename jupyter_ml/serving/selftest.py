"""One row through the model before anybody else's: from its manifest, or made up."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.serving import codec
from jupyter_ml.serving.handlers import DefaultHandler, ScriptHandler
from jupyter_ml.serving.payloads import JSON

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_ml.serving.inference import Inference


class SelfTestError(Exception):
    """The model cannot predict the sample stored with it."""


@dataclass(frozen=True)
class SelfTest:
    """What came of the self test.

    Parameters
    ----------
    passed
        `None` where there was nothing to test with: no sample, and none can be made up.
    milliseconds
        How long the model took.
    message
        What was sent and what came back, or why nothing was.
    """

    passed: bool | None
    milliseconds: float
    message: str


@dataclass(frozen=True)
class Ready:
    """What a process says of its model once it can serve."""

    test: SelfTest
    load_ms: float
    checks: list[dict[str, Any]]
    columns: list[str] | None
    inputs: list[dict[str, Any]]
    sample_request: str | None
    is_batching: bool
    model: str

    def to_json(self) -> dict[str, Any]:
        """Return the content of `ready.json`."""
        values = asdict(self)
        return {**values.pop("test"), **values}


async def run_self_test(
    inference: Inference, handler: DefaultHandler | ScriptHandler, manifest: Mapping[str, Any]
) -> tuple[SelfTest, str | None]:
    """Send one row through `inference`; return the result and the request that was sent.

    Raises
    ------
    SelfTestError
        The manifest's sample, a row that the model was trained on, is not predicted.
    """
    sample = manifest.get("sample")
    request = request_of(sample) if sample is not None else _synthetic(handler)
    if request is None:
        message = "not run: neither a sample row nor the number of columns is known"
        return SelfTest(None, 0.0, message), None
    text = codec.dumps(request).decode()
    started = time.perf_counter()
    reply = await inference.infer(text.encode(), JSON, JSON)
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    answer = reply.body.decode(errors="replace")[:200]
    if reply.status == 200:
        source = "the sample row" if sample is not None else "a row of zeros"
        return SelfTest(True, milliseconds, f"{source} -> {answer}"), text  # noqa: FBT003
    if sample is not None:
        msg = f"The model does not predict its own sample row: {answer}"
        raise SelfTestError(msg)
    message = f"not run: the model refuses a made-up row of zeros ({answer})"
    return SelfTest(None, milliseconds, message), None


def request_of(sample: Any) -> Any:
    """Return the request that a manifest's sample stands for: one row, or a whole body."""
    is_row = isinstance(sample, list) and sample and not isinstance(sample[0], list | dict)
    return {"instances": [sample]} if is_row else sample


def _synthetic(handler: DefaultHandler | ScriptHandler) -> Any:
    if not isinstance(handler, DefaultHandler):
        return None
    schema = handler.model.schema
    if schema.features is not None:
        columns = list(schema.features)
        return {"columns": columns, "data": [[0.0] * len(columns)]}
    if schema.n_features is not None:
        return {"instances": [[0.0] * schema.n_features]}
    return None
