"""Named Python values in a folder, to carry them from one interpreter to another.

Modules are imported again by name. Functions and classes that were typed into a notebook travel
as source, with the globals that they use. Everything else is a pickle (protocol 5), one file per
value. `manifest.json` is written last and atomically: a reader sees all of a save or none.

The standard library is all that is imported here, so that any interpreter can load the folder.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import linecache
import operator
import os
import platform
import shutil
import sys
import tempfile
import types
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract.errors import MLError
from jupyter_ml.core.values.definitions import MAIN, definition_of, import_path, is_from_notebook
from jupyter_ml.core.values.names import needed_names
from jupyter_ml.core.values.pickles import (
    CountedFile,
    Pickler,
    TooLarge,
    Unpickler,
    describe,
    too_large,
    why_not,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

FORMAT = "jupyter_ml.values/1"
MANIFEST = "manifest.json"
MAX_BYTES = 1 << 30
MAX_TOTAL_BYTES = 4 << 30


@dataclass(frozen=True)
class Problem:
    """A value that could not be saved, and why, worded so that the user knows what to do."""

    name: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """One value of a saved folder.

    Attributes
    ----------
    name
        The variable's name.
    how
        ``"import"``, ``"source"`` or ``"pickle"``.
    kind
        Name of the value's type, such as ``"DataFrame"``.
    bytes
        Size of the file, or of the source text.
    sha256
        Digest of the file or the text, in hex.
    file
        Name of the pickle within the folder.
    source
        Text that defines the value, or what to import: `module` or `module:name`.
    detail
        For people: shape, length or the number itself. Never the content of a text.
    implicit
        Whether the value was not asked for, but another one uses it.
    needs
        Names of the values that have to be loaded before this one.
    """

    name: str
    how: str
    kind: str
    bytes: int
    sha256: str
    file: str | None = None
    source: str | None = None
    detail: str | None = None
    implicit: bool = False
    needs: list[str] = field(default_factory=list)


def save(
    values: Mapping[str, object],
    folder: Path,
    *,
    max_bytes: int = MAX_BYTES,
    max_total_bytes: int = MAX_TOTAL_BYTES,
    withhold: Callable[[str, object], str | None] | None = None,
) -> list[Problem]:
    """Save named values to a folder; what cannot be saved is left out and named.

    Parameters
    ----------
    values
        The values by name.
    folder
        Where to; made if need be. Earlier content saved there is replaced.
    max_bytes, max_total_bytes
        Largest size of one value and of all, in bytes.
    withhold
        Says why a global that a function uses must stay here, or None when it may go. Values
        that were asked for by name are not put to it.

    Returns
    -------
    list of Problem
        Empty when everything was saved. Globals that a function needs are among them.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    saving = _Saving(folder, max_bytes, max_total_bytes, withhold)
    for name, value in values.items():
        saving.add(name, value, implicit=False)
    manifest = {
        "format": FORMAT,
        "python": platform.python_version(),
        "path": [entry for entry in sys.path if entry and Path(entry).is_dir()],
        "values": [asdict(entry) for entry in saving.entries.values()],
    }
    _write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    kept = {entry.file for entry in saving.entries.values()} | {MANIFEST}
    for path in folder.glob("*.pkl"):
        if path.name not in kept:
            path.unlink(missing_ok=True)
    return saving.problems


def entries(folder: Path) -> list[Entry]:
    """Return what a folder holds, in the order in which it has to be loaded.

    Raises
    ------
    MLError
        Nothing was saved there, or by a program of another format.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        msg = f"No values were saved in {folder}."
        raise MLError(msg) from None
    if manifest.get("format") != FORMAT:
        msg = f"{folder} is in format {manifest.get('format')!r}; this program reads {FORMAT!r}."
        raise MLError(msg)
    return [Entry(**entry) for entry in manifest["values"]]


def load(folder: Path, namespace: dict[str, Any], names: Collection[str] | None = None) -> None:
    """Load saved values into a namespace.

    Parameters
    ----------
    folder
        Where `save` put them.
    namespace
        Receives the values; definitions of the notebook run in it.
    names
        Load only these and what they need; everything by default.

    Raises
    ------
    MLError
        A value is missing, damaged or cannot be rebuilt here; names the value and the reason.
    """
    known = {entry.name: entry for entry in entries(folder)}
    wanted = _closure(known, known if names is None else names)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    # Modules beside the notebook are found where the sender found them; ours come first.
    sys.path.extend(entry for entry in manifest["path"] if entry not in sys.path)
    for entry in known.values():
        if entry.name in wanted:
            try:
                _load_one(entry, folder, namespace)
            except MLError:
                raise
            except Exception as error:
                msg = f"Cannot load {entry.name!r} ({entry.kind}): {_cause(error)}"
                raise MLError(msg) from error


def _closure(known: Mapping[str, Entry], names: Iterable[str]) -> set[str]:
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in known:
            msg = f"There is no value {name!r}; there are: {', '.join(known) or 'none'}."
            raise MLError(msg)
        if name not in wanted:
            wanted.add(name)
            waiting.extend(need for need in known[name].needs if need in known)
    return wanted


def _load_one(entry: Entry, folder: Path, namespace: dict[str, Any]) -> None:
    if entry.how == "import":
        module, _, path = (entry.source or entry.name).partition(":")
        value = importlib.import_module(module)
        namespace[entry.name] = operator.attrgetter(path)(value) if path else value
    elif entry.how == "source":
        _define(entry, namespace)
    else:
        content = (folder / (entry.file or "")).read_bytes()
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            msg = f"Cannot load {entry.name!r}: {entry.file} is damaged; its sha256 differs."
            raise MLError(msg)
        namespace[entry.name] = Unpickler(io.BytesIO(content), namespace).load()


def _define(entry: Entry, namespace: dict[str, Any]) -> None:
    """Run a definition, with its text where tracebacks and a later save will find it."""
    source = entry.source or ""
    file = f"<sent {entry.name} {entry.sha256[:12]}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace.setdefault("__name__", MAIN)
    exec(compile(source, file, "exec"), namespace)  # noqa: S102  (the user's own code)


def _cause(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{error}. Install it in {sys.executable}."
    return f"{type(error).__name__}: {error}"


class _Saving:
    """One call of `save`: what was written so far, what failed, what is left of the total."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        max_total_bytes: int,
        withhold: Callable[[str, object], str | None] | None,
    ) -> None:
        self.folder = folder
        self.withhold = withhold or _nothing
        self.max_bytes = max_bytes
        self.left = max_total_bytes
        self.entries: dict[str, Entry] = {}
        self.problems: list[Problem] = []
        self._seen: dict[str, object] = {}

    def add(self, name: str, value: Any, *, implicit: bool) -> None:
        """Save one value after what it needs, once."""
        if name in self._seen:
            if self._seen[name] is not value:
                reason = "two different definitions of it are in use; run their cells again"
                self.problems.append(Problem(name, reason))
            elif name in self.entries and not implicit:
                self.entries[name] = replace(self.entries[name], implicit=False)
            return
        self._seen[name] = value
        withheld = self.withhold(name, value) if implicit else None
        if withheld:
            self.problems.append(Problem(name, withheld))
            return
        try:
            entry = self._entry(name, value, implicit=implicit)
        except LookupError as error:
            self.problems.append(Problem(name, str(error.args[0])))
        else:
            self.entries[name] = entry

    def _entry(self, name: str, value: Any, *, implicit: bool) -> Entry:
        if isinstance(value, types.ModuleType):
            if value.__name__ == MAIN:
                msg = "it is the notebook itself"
                raise LookupError(msg)
            module = value.__name__
            digest = hashlib.sha256(module.encode()).hexdigest()
            return Entry(name, "import", "module", 0, digest, source=module, implicit=implicit)
        location = import_path(value)
        if location is not None:
            digest = hashlib.sha256(location.encode()).hexdigest()
            kind = "class" if isinstance(value, type) else "function"
            return Entry(name, "import", kind, 0, digest, source=location, implicit=implicit)
        if is_from_notebook(value):
            return self._by_source(name, value, implicit=implicit)
        return self._by_pickle(name, value, implicit=implicit)

    def _by_source(self, name: str, value: Any, *, implicit: bool) -> Entry:
        definition = definition_of(value)
        source = definition.source
        if definition.name != name:
            source += f"{name} = {definition.name}\n"
        needs = []
        for need in sorted(needed_names(source)):
            if need in definition.namespace:
                needs.append(need)
                self.add(need, definition.namespace[need], implicit=True)
        text = source.encode()
        digest = hashlib.sha256(text).hexdigest()
        kind = "class" if isinstance(value, type) else "function"
        return Entry(name, "source", kind, len(text), digest, None, source, None, implicit, needs)

    def _by_pickle(self, name: str, value: Any, *, implicit: bool) -> Entry:
        handle, temporary = tempfile.mkstemp(prefix=".value-", dir=self.folder)
        os.close(handle)
        path = Path(temporary)
        try:
            size, digest, definitions = self._pickle(value, path)
            file = f"{digest[:32]}.pkl"
            path.replace(self.folder / file)
        finally:
            path.unlink(missing_ok=True)
        self.left -= size
        needs = []
        for carried, definition in definitions:
            need, _, inner = carried.partition(".")
            needs.append(need)
            outermost = getattr(sys.modules[MAIN], need) if inner else definition
            self.add(need, outermost, implicit=True)
        kind = type(value).__name__
        detail = describe(value)
        return Entry(name, "pickle", kind, size, digest, file, None, detail, implicit, needs)

    def _pickle(self, value: Any, path: Path) -> tuple[int, str, list[tuple[str, Any]]]:
        limit = min(self.max_bytes, self.left)
        counted = CountedFile(path, limit)
        pickler = Pickler(counted)
        try:
            pickler.dump(value)
        except TooLarge:
            msg = too_large(value, limit, whole=limit < self.max_bytes)
            raise LookupError(msg) from None
        except OSError:
            raise
        except Exception as error:  # a value's own __reduce__ may raise anything
            raise LookupError(why_not(value, error)) from error
        finally:
            counted.file.close()
        for _, definition in pickler.definitions:
            definition_of(definition)
        return counted.size, counted.digest.hexdigest(), pickler.definitions


def _nothing(_name: str, _value: object) -> None:
    return None


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def amend(source: Path, changes: Mapping[str, object], folder: Path) -> list[Problem]:
    """Save what another folder holds, with some values changed; the rest is not read.

    Parameters
    ----------
    source
        A folder that `save` wrote.
    changes
        New values by name.
    folder
        Where to.

    Returns
    -------
    list of Problem
        Changed values that cannot be saved.
    """
    problems = save(changes, folder)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    changed = {entry.name: entry for entry in entries(folder)}
    merged = {name: entry for name, entry in changed.items() if entry.implicit}
    for entry in entries(source):
        merged[entry.name] = changed.get(entry.name, entry)
        if entry.name not in changed and entry.file:
            shutil.copyfile(source / entry.file, folder / entry.file)
    merged.update(changed)
    manifest["values"] = [asdict(entry) for entry in merged.values()]
    _write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    return problems
