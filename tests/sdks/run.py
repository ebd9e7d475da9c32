"""Run programs of the SageMaker SDKs against a real Jupyter server on a fresh workspace.

``python tests/sdks/run.py PYTHON PROGRAM...``: `PYTHON` is that of the SDK's virtual environment,
in which nothing of jupyter_ml is installed; the programs are run one after the other.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
WIRE = HERE.parent / "wire"
sys.path.insert(0, str(WIRE))

from jupyter_process import start, variables  # noqa: E402  (found by the line above)


def main(python: str, programs: list[str]) -> int:
    """Run the programs; return how many failed."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="jupyter-ml-sdks-") as folder:
        server = start(Path(folder) / "home")
        try:
            environ = variables(server)
            environ["PYTHONPATH"] += f":{WIRE}"
            for program in programs:
                began = time.monotonic()
                result = subprocess.run([python, HERE / program], env=environ, check=False)
                failed += result.returncode != 0
                ended = "passed" if result.returncode == 0 else f"FAILED ({result.returncode})"
                print(f"{program}: {ended} in {time.monotonic() - began:.0f} s", flush=True)
            if failed:
                print(server.log[-20_000:])
        finally:
            server.stop()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
