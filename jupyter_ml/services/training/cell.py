"""Runs a notebook cell as `__main__`, in the job's own process.

    python cell.py FOLDER PROGRAM

The text of the cell is PROGRAM in FOLDER, unchanged, so that line numbers are the cell's. The
variables it uses come from the channel `notebook`; those it gives back are named in
`.jupyter_ml/cell.json`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_ml.core.values import values
from jupyter_ml.harness.bootstrap import run_as_main
from jupyter_ml.harness.model import is_model, save_model
from jupyter_ml.harness.records import read_json

CELL = ".jupyter_ml/cell.json"


class OutputError(NameError):
    """A value that the cell should give back is not there, or cannot be carried back."""


def main(arguments: list[str]) -> None:
    """Run the cell that the arguments name."""
    root, program = Path(arguments[0]), arguments[1]
    file = root / program
    sys.argv = [str(file)]
    run_as_main(lambda namespace: _run(root, file, namespace), file, root, cell=file)


def _run(root: Path, file: Path, namespace: dict[str, Any]) -> None:
    cell = read_json(root / CELL)
    sent = os.environ.get("SM_CHANNEL_NOTEBOOK")
    if sent:
        values.load(Path(sent), namespace)
    inputs = {name: namespace[name] for name in cell.get("inputs", ()) if name in namespace}
    _execute(file, namespace)
    _keep(cell.get("outputs", ()), namespace, inputs)


def _execute(file: Path, namespace: dict[str, Any]) -> None:
    linecache.getlines(str(file))  # what gives definitions back looks for their text there
    tree = ast.parse(file.read_bytes(), str(file))
    shown = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    _evaluate(compile(tree, str(file), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
    if isinstance(shown, ast.Expr):
        expression = ast.Expression(shown.value)
        code = compile(expression, str(file), "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = _evaluate(code, namespace)
        if value is not None:
            print(repr(value))  # noqa: T201  (as the notebook shows a cell's last value)


def _evaluate(code: Any, namespace: dict[str, Any]) -> Any:
    value = eval(code, namespace)  # noqa: S307  (running the user's cell is the job)
    if code.co_flags & inspect.CO_COROUTINE:
        return asyncio.run(value)
    return value


def _keep(names: list[str], namespace: dict[str, Any], inputs: dict[str, Any]) -> None:
    absent = [name for name in names if name not in namespace]
    if absent:
        msg = (
            f"The cell should give back {', '.join(map(repr, absent))} and does not define "
            "it. Assign it at the top level of the cell, or leave it out of -o."
        )
        raise OutputError(msg)
    outputs = {name: namespace[name] for name in names}
    if not outputs:
        return
    folder = Path(os.environ["SM_OUTPUT_DATA_DIR"]) / "results"
    problems = values.save(outputs, folder)
    if problems:
        msg = "; ".join(
            f"{problem.name!r} cannot be given back: {problem.reason}" for problem in problems
        )
        raise OutputError(msg)
    name = next((name for name in names if is_model(outputs[name])), None)
    if name is not None:
        saved = next(entry for entry in values.entries(folder) if entry.name == name)
        target = Path(os.environ["SM_MODEL_DIR"])
        made = [value for name, value in namespace.items() if inputs.get(name) is not value]
        candidates = [*made, *inputs.values()]
        save_model(outputs[name], target, names, candidates, own_definitions=bool(saved.needs))


if __name__ == "__main__":
    main(sys.argv[1:])
