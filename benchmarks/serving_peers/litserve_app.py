"""A server of LitServe on the port that it is given, with or without batching."""

from __future__ import annotations

import os
import sys
from typing import Any

import litserve
import numpy as np
from model import predictor

_BATCHES = os.environ.get("BENCHMARK_BATCHES") == "1"


class Api(litserve.LitAPI):
    """Answers rows."""

    def setup(self, device: str) -> None:  # noqa: ARG002  (LitServe's signature)
        """Load the model."""
        self._predict = predictor()

    def decode_request(self, request) -> Any:  # noqa: ANN001  (LitServe takes a type for a form)
        """Return the rows of a request."""
        return np.asarray(request["instances"])

    def batch(self, inputs: list[Any]) -> Any:
        """Join requests of one row each."""
        return np.concatenate(inputs)

    def predict(self, x: Any) -> Any:
        """Answer rows."""
        return self._predict(x)

    def unbatch(self, output: Any) -> list[Any]:
        """Give each request its row."""
        return [output[at : at + 1] for at in range(len(output))]

    def encode_response(self, output: Any) -> dict[str, Any]:
        """Return the body of an answer."""
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.002) if _BATCHES else Api()
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    port = int(sys.argv[1])
    server.run(port=port, num_api_servers=1, log_level="warning", generate_client_file=False)
