"""From files to a model that answers: what every process that holds the model does at its start."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import time
import warnings
from typing import TYPE_CHECKING

from jupyter_ml.serving.columns import Schema
from jupyter_ml.serving.compiled.adoption import is_there
from jupyter_ml.serving.handlers import DefaultHandler, load_handler
from jupyter_ml.serving.inference import Inference
from jupyter_ml.serving.models import read_manifest
from jupyter_ml.serving.selftest import Ready, run_self_test
from jupyter_ml.serving.tensors import inputs_of
from jupyter_ml.serving.versions import check_versions, mismatches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_ml.serving.config import ServeConfig

log = logging.getLogger(__name__)

# How long the thread of a model may hold the interpreter while requests wait to be read, and the
# other way round; Python's own 5 ms are longer than most predictions.
_SWITCH_S = 0.001
INFERENCE_SCRIPT = "inference script"
"""What `Ready.model` says where functions of the user answer."""


@contextlib.contextmanager
def _not_collecting() -> Iterator[None]:
    """Look for no garbage: a tenth of the time that libraries take to load is spent on that.

    What was loaded stays, so that the first look after it passes over all of that.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


async def load(config: ServeConfig) -> tuple[Inference, Ready]:
    """Load the model, compare versions, run the self test.

    Returns
    -------
    tuple
        Who answers invocations, and what is known of it.

    Raises
    ------
    Exception
        The model cannot be loaded or does not predict its own sample.
    """
    started = time.perf_counter()
    with _not_collecting():
        return await _loaded(config, started)


async def _loaded(config: ServeConfig, started: float) -> tuple[Inference, Ready]:
    os.environ.update(config.environment)
    # Columns are checked by name here; the estimator would warn of every array all the same.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    manifest = read_manifest(config.model_dir)
    checks = check_versions(manifest)
    if wrong := mismatches(checks):
        log.warning("%s", wrong)
    handler = load_handler(config)
    load_ms = round((time.perf_counter() - started) * 1000, 1)
    inference = Inference(handler, config.timeout_s)
    if is_there(config.compiled_dir):
        await inference.adopt(config.compiled_dir)
    test, request = await run_self_test(inference, handler, manifest)
    if isinstance(handler, DefaultHandler):
        schema, name = handler.model.schema, handler.model.name
    else:
        schema, name = Schema(), INFERENCE_SCRIPT
    columns = None if schema.features is None else list(schema.features)
    batches = inference.is_batching
    ready = Ready(test, load_ms, checks, columns, inputs_of(schema), request, batches, name)
    return inference, ready


def settle() -> None:
    """Make this process quick to answer, now that it has loaded what it answers with.

    The collector of garbage passes over what is there: libraries and a model are a million
    objects, and whoever asks while it looks at them all waits for longer than a thousand answers
    take.
    """
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()
