"""What a block of `with ml.run(...)` gets from its kernel, known by hash; nothing of it is kept."""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.core.values import values as carried
from jupyter_ml.toolkit.capture import captured
from jupyter_ml.toolkit.provenance import input_records
from jupyter_ml.toolkit.redaction import why_secret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# A block has to wait for its hashes, so a larger value is named without one.
MOST_BYTES: Final = 256 << 20


def inputs_of(
    source: str, namespace: Mapping[str, Any], hidden: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return records of the variables that the blocks of runs in a cell read.

    Parameters
    ----------
    source
        The cell, as Python; where no block is seen in it, all of it counts.
    namespace
        The kernel's variables as they are now.
    hidden
        Names that belong to IPython and not to the user.

    Returns
    -------
    list of dict
        As `input_records` makes them. Secrets are left out; what is too large or cannot be
        pickled has no `sha256`.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    found = captured(_blocks(tree), namespace, hidden=hidden).values
    with tempfile.TemporaryDirectory() as scratch:
        problems = carried.save(found, Path(scratch), max_bytes=MOST_BYTES, withhold=why_secret)
        records = input_records(carried.entries(Path(scratch)))
    unknown = {problem.name for problem in problems} & set(found)
    return records + [
        {"name": name, "kind": type(found[name]).__name__, "sha256": None, "bytes": None}
        for name in sorted(unknown)
    ]


def _blocks(tree: ast.Module) -> ast.Module:
    """Return what runs inside of `with ml.run(...)`, or everything where that is not seen."""
    body = [
        statement
        for node in ast.walk(tree)
        if isinstance(node, ast.With) and any(map(_begins_run, node.items))
        for statement in node.body
    ]
    return ast.Module(body=body or tree.body, type_ignores=[])


def _begins_run(item: ast.withitem) -> bool:
    match item.context_expr:
        case ast.Call(func=ast.Attribute(attr="run") | ast.Name(id="run")):
            return True
    return False
