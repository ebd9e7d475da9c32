"""The pages of what is called by name: in Python, and as verbs in cells and in the terminal."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from generating.markdown import quoted, table

import jupyter_ml
from jupyter_ml.toolkit.exports import Exportable
from jupyter_ml.toolkit.verbs import VERBS, parser_of, summary_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


def python_page() -> str:
    """Return the public names of the package."""
    hidden = {"load_ipython_extension", "unload_ipython_extension"}
    names = [name for name in jupyter_ml.__all__ if name not in hidden and not name.startswith("_")]
    parts = [_public_name(name, getattr(jupyter_ml, name)) for name in names]
    handles = {
        handle.__name__: handle for name in names for handle in _handles(getattr(jupyter_ml, name))
    }
    parts += [_class(handle) for _, handle in sorted(handles.items())]
    return """
# In Python

`import jupyter_ml as ml` loads nothing heavy; each name is loaded when it is first used.

""" + "\n\n".join(parts)


def verbs_page() -> str:
    """Return the verbs of the magics and the terminal."""
    return """
# Verbs

The same verbs work as `%ml VERB` in a notebook and as `jupyter ml VERB` in a terminal; those that
take a cell work as `%%ml VERB` above one.

""" + "\n\n".join(map(_verb, VERBS))


def _public_name(name: str, value: Any) -> str:
    return f"## `{name}{_signature(value)}`\n\n{quoted(value)}"


def _signature(function: Any) -> str:
    """Return the signature as it is written, without the quotes of annotations."""
    return (
        str(inspect.signature(function))
        .replace("'", "")
        .replace("(self, ", "(")
        .replace("(self)", "()")
    )


def _handles(function: Any) -> Iterator[type]:
    """Yield the classes of the toolkit that a function says it returns."""
    home = vars(sys.modules[function.__module__])
    for word in str(inspect.signature(function).return_annotation).replace("|", " ").split():
        found = home.get(word)
        if inspect.isclass(found) and found.__module__.startswith("jupyter_ml"):
            yield found


def _class(handle: type) -> str:
    parts = [f"## `{handle.__name__}`", quoted(handle)]
    shared = vars(Exportable) if issubclass(handle, Exportable) else {}
    for name, member in {**vars(handle), **shared}.items():
        if name.startswith("_"):
            continue
        function = member.fget if isinstance(member, property) else member
        if isinstance(function, classmethod | staticmethod):
            function = function.__func__
        if inspect.isfunction(function):
            signature = "" if isinstance(member, property) else _signature(function)
            parts.append(f"### `{handle.__name__}.{name}{signature}`\n\n{quoted(function)}")
    return "\n\n".join(parts)


def _verb(name: str) -> str:
    parser = parser_of(name)
    rows = [
        (f"`{_spelling(action)}`", _meaning(action))
        for action in parser._actions
        if "--help" not in action.option_strings
    ]
    about = (parser.description or summary_of(name)).strip()
    parts = [f"## {name}", about]
    if rows:
        parts.append(table(("Argument", "Meaning"), rows))
    return "\n\n".join(parts)


def _spelling(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if not action.option_strings:
        return str(value)
    spelled = ", ".join(action.option_strings)
    return spelled if action.nargs == 0 else f"{spelled} {value}"


def _meaning(action: argparse.Action) -> str:
    words = (action.help or "").replace("%%", "%")
    choices = ", ".join(f"`{choice}`" for choice in action.choices or ())
    return f"{words}; one of {choices}" if choices else words
