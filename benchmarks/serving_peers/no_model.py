"""Our own server with no model behind it: what HTTP, token, JSON and batching cost alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyter_ml.serving import loading, server
from jupyter_ml.serving.columns import Schema
from jupyter_ml.serving.handlers import DefaultHandler
from jupyter_ml.serving.models import Model

model = Model(lambda rows: rows[:, 0], Schema(n_features=20), rowwise=True, name="none")
loading.load_handler = lambda _: DefaultHandler(model)
sys.exit(server.serve(Path(os.environ["JUPYTER_ML_ATTEMPT_DIR"])))
