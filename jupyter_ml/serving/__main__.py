"""`python -m jupyter_ml.serving`: serve the endpoint described in the attempt's folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyter_ml.engine.warm import forked, pools
from jupyter_ml.serving.server import serve

if __name__ == "__main__":
    if forked.origin() is not None:
        pools.widen()
    sys.exit(serve(Path(os.environ["JUPYTER_ML_ATTEMPT_DIR"])))
