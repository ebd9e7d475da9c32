"""What runs without a surface: one tick, or the timekeeper.

    python -m jupyter_ml.background tick|timekeeper SETTINGS

Supervisors start the first when their work has ended; whoever leaves something for later
starts the second.
"""

from __future__ import annotations

import logging
import sys

from jupyter_ml.composition import attend, compose
from jupyter_ml.core.settings import Settings
from jupyter_ml.timekeeper import keep_time


def main(arguments: list[str]) -> None:
    """Do one or the other; what goes wrong is in `background.log` of the workspace."""
    what, settings = arguments[0], Settings.from_json(arguments[1])
    runtime = compose(settings)
    logging.basicConfig(
        filename=settings.workspace / "background.log",
        level=logging.WARNING,
        format="%(asctime)s %(process)d %(name)s %(levelname)s %(message)s",
    )
    if what == "timekeeper":
        keep_time(runtime)
    else:
        attend(runtime)


if __name__ == "__main__":
    main(sys.argv[1:])
