"""Runs work on an engine and prints how it ended: `python run_work.py WORKSPACE WORK`.

For tests that run work as another user, or where the system forbids something. WORK is a JSON
object of what `Work` takes, besides `code`, which is run by this Python.
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

from jupyter_ml.core.attempts import AttemptRef
from jupyter_ml.engine.local import LocalEngine
from jupyter_ml.engine.work import Work
from jupyter_ml.testing import eventually


def main(workspace: str, text: str) -> None:
    """Run the work to its end."""
    values = json.loads(text)
    work = Work.from_json({"argv": [sys.executable, "-c", values.pop("code")], **values})
    engine = LocalEngine(Path(workspace))
    directory = Path(workspace) / "work" / "Job" / "one" / "1"
    ref = AttemptRef("Job", "one", 1, secrets.token_hex(16), directory)
    obstacles = engine.validate(work)
    engine.submit(ref, work)
    verdict = eventually(lambda: engine.observe(ref).verdict, 60)
    logs = [engine.logs(ref, rank).data.decode() for rank in range(work.members)]
    print(json.dumps({"obstacles": obstacles, "verdict": verdict.to_json(), "logs": logs}))


if __name__ == "__main__":
    main(*sys.argv[1:])
