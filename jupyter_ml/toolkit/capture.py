"""What a cell needs from the kernel, and what it can bring back."""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.core.values.names import defined_names, needed_names
from jupyter_ml.core.values.values import Problem
from jupyter_ml.toolkit.redaction import why_secret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_MAGIC = re.compile(r"\s*[%!?]|[^#'\"]*=\s*[%!]\s*[A-Za-z]|[^#'\"]*[\w\])]\?{1,2}\s*$")


@dataclass(frozen=True)
class Captured:
    """The variables that go with a cell.

    Attributes
    ----------
    values
        By name; those that the cell uses and the kernel has.
    withheld
        Secrets that were not sent, each with the reason.
    """

    values: dict[str, Any] = field(default_factory=dict)
    withheld: list[Problem] = field(default_factory=list)


def parsed(source: str) -> ast.Module:
    """Return the parsed cell.

    Raises
    ------
    UsageError
        The cell is empty, holds IPython syntax, which a job cannot run, or is not Python; names
        the line.
    """
    if not source.strip():
        msg = "The cell is empty; write the code to run below the %%ml line."
        raise UsageError(msg)
    try:
        tree = ast.parse(source)
        compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        lines = source.splitlines()
        for number, line in enumerate(lines, 1):
            if _MAGIC.match(line):
                msg = (
                    f"Line {number} is IPython syntax, which a job cannot run: {line.strip()}\n"
                    "Move it to a cell of its own."
                )
                raise UsageError(msg) from None
        number = error.lineno or 1
        text = lines[number - 1].strip() if number <= len(lines) else ""
        msg = f"Line {number} of the cell is not valid Python ({error.msg}): {text}"
        raise UsageError(msg) from None
    return tree


def captured(
    tree: ast.Module,
    namespace: Mapping[str, Any],
    *,
    only: Sequence[str] | None = None,
    hidden: Collection[str] = (),
) -> Captured:
    """Return the variables that a cell uses and the kernel has.

    Parameters
    ----------
    tree
        The parsed cell.
    namespace
        The kernel's variables.
    only
        Names to send, instead of those that the cell uses; these are sent even when they look
        like secrets, because somebody asked for them.
    hidden
        Names that belong to IPython and not to the user.

    Raises
    ------
    UsageError
        `only` names something that the kernel does not have.
    """
    if only is not None:
        own = set(namespace) - set(hidden)
        for name in only:
            if name not in namespace:
                msg = f"There is no variable {name!r} to send.{_nearest(name, own)}"
                raise UsageError(msg)
        return Captured({name: namespace[name] for name in only})
    result = Captured()
    for name in sorted(needed_names(tree, known=frozenset())):
        if name not in namespace or name in hidden:
            continue
        reason = why_secret(name, namespace[name])
        if reason is None:
            result.values[name] = namespace[name]
        else:
            result.withheld.append(Problem(name, reason))
    return result


def require_outputs(tree: ast.Module, names: Sequence[str]) -> None:
    """Check that the cell makes what it is asked to bring back.

    Raises
    ------
    UsageError
        A name is never assigned in the cell.
    """
    known = defined_names(tree)
    for name in names:
        if name not in known:
            msg = f"-o {name}: the cell never assigns {name!r}.{_nearest(name, known)}"
            raise UsageError(msg)


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, [word for word in known if word[:1] != "_"], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
