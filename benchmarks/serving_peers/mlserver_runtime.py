"""A model of MLServer."""

from __future__ import annotations

from typing import Any

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
from model import predictor


class Runtime(MLModel):
    """Answers arrays in the V2 protocol."""

    async def load(self) -> bool:
        """Load the model."""
        self._predict = predictor()
        return True

    async def predict(self, payload: Any) -> InferenceResponse:
        """Answer one request, or several that MLServer has joined."""
        answers = self._predict(NumpyCodec.decode_input(payload.inputs[0])).reshape(-1, 1)
        outputs = [NumpyCodec.encode_output("predictions", answers)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
