"""The program that owns one attempt: `python -S -E shim.py <attempt directory>`.

It is run by path, in any interpreter, with nothing but the standard library.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

_ENGINE = os.path.dirname(os.path.abspath(__file__))


def main(directory: str) -> None:
    """Run the attempt, then the command that takes note of its end."""
    from jupyter_ml.engine import awaiting  # noqa: PLC0415  (after `name_packages`)
    from jupyter_ml.engine.durable import read_json  # noqa: PLC0415
    from jupyter_ml.engine.environment import background  # noqa: PLC0415
    from jupyter_ml.engine.supervisor import Supervisor  # noqa: PLC0415
    from jupyter_ml.engine.warm import folder, forked  # noqa: PLC0415

    Supervisor(directory).run()
    spec = read_json(os.path.join(directory, "work.json")) or {}
    if (tick := spec.get("tick")) and not awaiting.is_left_to_another(directory):
        os.posix_spawnp(tick[0], tick, background(os.environ), setpgroup=0)
    imports = os.path.join(directory, "members", "0", "imports.json")
    warm = spec.get("warm")
    # One that was forked itself leaves something new only where its job imported more.
    is_new = forked.origin() is None or os.path.exists(imports)
    # A service ends when it is not wanted any more, and nothing comes after it.
    is_service = bool(warm) and spec["work"]["restart"] == "always"
    if warm and warm["kept"] and is_new and not is_service:
        folder.start(warm, imports, os.environ)


def name_packages() -> None:
    """Make the modules beside this file importable without running the packages' own code."""
    folders = {"jupyter_ml": os.path.dirname(_ENGINE), "jupyter_ml.engine": _ENGINE}
    for name, folder in folders.items():
        package = ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package


if __name__ == "__main__":
    name_packages()
    os.setsid()
    main(sys.argv[1])
