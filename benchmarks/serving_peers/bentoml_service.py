"""A service of BentoML, with or without its adaptive batching."""

from __future__ import annotations

import os

import bentoml
from model import predictor

_BATCHES = os.environ.get("BENCHMARK_BATCHES") == "1"


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 1000})
class Service:
    """Answers rows."""

    def __init__(self) -> None:
        self._predict = predictor()

    @bentoml.api(batchable=_BATCHES, max_batch_size=256, max_latency_ms=1000)
    def predict(self, instances: list[list[float]]) -> list[float]:
        """Answer one request, or several that BentoML has joined."""
        return self._predict(instances).reshape(-1).tolist()
