"""What the engine starts for each member of a training job: `harness.training`.

Each job reads and runs this file anew, even where all that it imports is there already; so there is
little in it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_ml.harness.training import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent))
