"""Pickles that know the definitions of a notebook, limit their size and explain refusals."""

from __future__ import annotations

import hashlib
import importlib
import pickle
import types
from typing import TYPE_CHECKING, Any

from jupyter_ml.core.values.definitions import definition_of, is_from_notebook

if TYPE_CHECKING:
    import io
    from collections.abc import Mapping
    from pathlib import Path


def _notebook_global(qualname: str) -> object:
    """Stand for a definition of the notebook in a pickle; `Unpickler` resolves it."""
    msg = f"{qualname} is only known to a folder of values; read it with jupyter_ml."
    raise pickle.UnpicklingError(msg)


def carried_name(value: Any) -> str:
    """Return the name, dotted where it is nested, of a definition where it is loaded.

    Raises
    ------
    LookupError
        It is a lambda whose text is not known.
    """
    name: str = value.__qualname__
    return definition_of(value).name if name.endswith("<lambda>") else name


class Pickler(pickle.Pickler):
    """Pickle to a file; definitions of the notebook by name, and remembered."""

    def __init__(self, file: CountedFile) -> None:
        """Pickle to `file`."""
        super().__init__(file, protocol=5)
        self.definitions: list[tuple[str, Any]] = []

    def reducer_override(self, value: Any) -> Any:
        """Pickle modules and definitions of the notebook by name."""
        if isinstance(value, types.ModuleType):
            return importlib.import_module, (value.__name__,)
        if not is_from_notebook(value):
            return NotImplemented
        name = carried_name(value)
        self.definitions.append((name, value))
        return _notebook_global, (name,)


class Unpickler(pickle.Unpickler):
    """Read what `Pickler` wrote; definitions of the notebook come from a namespace."""

    def __init__(self, file: io.BytesIO, namespace: Mapping[str, Any]) -> None:
        """Read from `file`, with definitions from `namespace`."""
        super().__init__(file)
        self.namespace = namespace

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function by module and name."""
        if module == __name__ and name == _notebook_global.__name__:
            return self._notebook_global
        return super().find_class(module, name)

    def _notebook_global(self, qualname: str) -> object:
        first, _, rest = qualname.partition(".")
        value = self.namespace[first]
        for part in rest.split(".") if rest else ():
            value = getattr(value, part)
        return value


class TooLarge(Exception):
    """More was written than the limit allows."""


class CountedFile:
    """A file to write, with its digest, that refuses to outgrow a limit."""

    def __init__(self, path: Path, limit: int) -> None:
        """Write to `path`, at most `limit` bytes."""
        self.file = path.open("wb")
        self.limit = limit
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes | memoryview | pickle.PickleBuffer) -> int:
        """Append to the file."""
        raw = memoryview(data)
        self.size += raw.nbytes
        if self.size > self.limit:
            raise TooLarge
        self.digest.update(raw)
        self.file.write(raw)
        return raw.nbytes


def too_large(value: Any, limit: int, *, whole: bool) -> str:
    """Say that a value is over the limit, and what to do."""
    what = "all values together are" if whole else f"this {type(value).__name__} is"
    return (
        f"{what} larger than the limit of {limit:,} bytes; "
        "save it to a file and read that in the cell, or send a part with -i"
    )


_ADVICE = {
    "TextIOWrapper": "an open file; open it in the cell",
    "BufferedReader": "an open file; open it in the cell",
    "BufferedWriter": "an open file; open it in the cell",
    "generator": "a generator, which can be read only once; make it a list",
    "lock": "a lock, which belongs to this process; make it in the cell",
    "RLock": "a lock, which belongs to this process; make it in the cell",
    "socket": "an open connection; open it in the cell",
    "Connection": "an open connection; open it in the cell",
    "coroutine": "a coroutine; await it first",
}


def why_not(value: Any, error: Exception) -> str:
    """Say why a value cannot be pickled, and what to do."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply to be pickled"
    kind = type(value).__name__
    if kind in _ADVICE:
        return f"it is {_ADVICE[kind]}"
    for inner, advice in _ADVICE.items():
        if f"{inner}'" in str(error):
            return f"this {kind} holds {advice}"
    if isinstance(error, LookupError):
        return str(error.args[0])
    return f"this {kind} cannot be pickled ({type(error).__name__}: {error}); make it in the cell"


def describe(value: Any) -> str | None:
    """Return a few words on a value for a list of inputs; never the content of a text.

    Returns
    -------
    str or None
        The number itself, a shape, a length, or None.
    """
    if value is None or isinstance(value, bool | int | float):
        return repr(value)[:60]
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and all(isinstance(length, int) for length in shape):
        return " \u00d7 ".join(str(length) for length in shape) or None
    if isinstance(value, str | bytes | list | tuple | dict | set | frozenset):
        return f"length {len(value)}"
    return None
