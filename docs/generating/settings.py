"""The pages of what is set: by variables, and as sizes of work."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path

from generating.markdown import table

import jupyter_ml
from jupyter_ml.core.settings import _FROM_ENVIRONMENT, PREFIX, Settings

PACKAGE = Path(jupyter_ml.__file__).parent


def settings_page() -> str:
    """Return the settings with their variables and defaults."""
    meaning = _parameters(inspect.getdoc(Settings) or "")
    rows = []
    for field in dataclasses.fields(Settings):
        if field.name in _FROM_ENVIRONMENT:
            default = field.default
            shown = "" if default is None or default is dataclasses.MISSING else f"`{default}`"
            rows.append((f"`{PREFIX}{field.name.upper()}`", shown, meaning[field.name]))
    return f"""
# Settings

Each setting is an environment variable, or in Jupyter's and IPython's configuration a trait of
`JupyterML` (`c.JupyterML.region = "eu-west-1"`). What the Jupyter server is configured with is
handed on to its kernels and terminals, keys excepted.

{table(("Variable", "Default", "Meaning"), rows)}
"""


def instance_types_page() -> str:
    """Return the sizes that work can ask for."""
    sizes = json.loads((PACKAGE / "engine" / "instance_types.json").read_text())
    rows = [(f"`{name}`", *map(str, size.values())) for name, size in sizes.items()]
    heads = next(iter(sizes.values()))
    return f"""
# Instance types

An instance type is a named size: what a job or an endpoint may use at most. `ml.local` is this
machine, without a limit of its own. Sizes of your own go into `instance_types.json` in the
workspace's folder: `{{"ml.mine": {{"cpus": 3, "memory_gb": 12, "gpus": 0}}}}`.

{table(("Name", *heads), rows)}
"""


def _parameters(docstring: str) -> dict[str, str]:
    """Return what a numpy docstring says of each parameter."""
    meaning: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.partition("----------\n")[2].splitlines():
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
        for name in names if line.startswith(" ") else ():
            meaning[name] = f"{meaning.get(name, '')} {line.strip()}".strip()
    return meaning
