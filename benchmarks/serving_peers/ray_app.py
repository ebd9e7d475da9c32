"""A deployment of Ray Serve on the port that it is given, with or without batching."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import serve

_FOLDER = str(Path(__file__).parent)
_BATCHES = os.environ.get("BENCHMARK_BATCHES") == "1"
_KEPT = ("BENCHMARK_MODELS", "BENCHMARK_MODEL", "OMP_NUM_THREADS", "PYTHONPATH")


@serve.deployment(num_replicas=1, max_ongoing_requests=256)
class Replica:
    """Answers rows."""

    def __init__(self) -> None:
        from model import predictor  # noqa: PLC0415  (in the replica's process)

        self._predict = predictor()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.002)
    async def _together(self, rows: list[Any]) -> list[Any]:
        return list(self._predict(np.concatenate(rows)))

    async def __call__(self, request: Any) -> dict[str, Any]:
        """Answer one request."""
        rows = np.asarray((await request.json())["instances"])
        if _BATCHES and len(rows) == 1:
            return {"predictions": [(await self._together(rows)).tolist()]}
        return {"predictions": self._predict(rows).tolist()}


if __name__ == "__main__":
    ray.init(
        "local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=200_000_000,
        logging_level="error",
        runtime_env={"env_vars": {name: os.environ[name] for name in _KEPT}},
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Replica.bind(), route_prefix="/")
    while True:
        time.sleep(60)
