"""FastAPI as its tutorial has it: a pydantic body, the model called in the handler."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from model import predictor
from pydantic import BaseModel

app = FastAPI()
predict = predictor()


class Body(BaseModel):
    """The rows of a request."""

    instances: list[list[float]]


@app.post("/predict")
async def answer(body: Body) -> dict[str, Any]:
    """Answer the rows; an `async def` is quicker here than FastAPI's pool of threads."""
    return {"predictions": predict(body.instances).tolist()}
