"""The operations and shapes of the API, loaded when first asked for.

SageMaker's three service models come from the installed botocore; the operations it has no
word for come from ``jupyter-ml.json``, whose shapes may refer to SageMaker's. The files are read
directly: importing botocore would cost several times more than reading its largest model.
Importing this module reads nothing.
"""

from __future__ import annotations

import difflib
import gzip
import importlib.util
from functools import cache, cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

import orjson

from jupyter_ml.contract.errors import UnknownOperationException

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICES: Final = ("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "jupyter-ml")
"""Names of the service models, in the order in which an operation is looked for."""

_OWN: Final = Path(__file__).with_name("jupyter-ml.json")
_lock = RLock()
_shapes: dict[tuple[str, str], Shape] = {}


class Shape:
    """A shape of the model: the type of a request, of an answer or of a value inside them.

    Attributes
    ----------
    name : str
        Name in the model, such as ``TrainingJobName``.
    type : str
        One of ``structure list map string integer long float double boolean timestamp blob``.
    service : str
        Service model that the shape's own references are looked up in.
    """

    def __init__(self, name: str, definition: Mapping[str, Any], service: str) -> None:
        self.name = name
        self.type: str = definition["type"]
        self.service = service
        self._definition = definition

    def __repr__(self) -> str:
        return f"<Shape {self.name}: {self.type}>"

    @cached_property
    def members(self) -> dict[str, Shape]:
        """Shapes of a structure's members by name; empty for other types."""
        references = self._definition.get("members", {})
        return {name: self._resolve(reference) for name, reference in references.items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of a structure's required members."""
        return tuple(self._definition.get("required", ()))

    @cached_property
    def element(self) -> Shape:
        """Shape of a list's elements or of a map's values.

        Raises
        ------
        TypeError
            If the shape is neither a list nor a map.
        """
        reference = self._definition.get("member") or self._definition.get("value")
        if reference is None:
            raise TypeError(f"{self.name} is a {self.type}: only lists and maps have elements")
        return self._resolve(reference)

    @cached_property
    def key(self) -> Shape:
        """Shape of a map's keys."""
        return self._resolve(self._definition["key"])

    @property
    def minimum(self) -> float | None:
        """Least value of a number, least length of anything else; inclusive."""
        return self._definition.get("min")

    @property
    def maximum(self) -> float | None:
        """Greatest value of a number, greatest length of anything else; inclusive."""
        return self._definition.get("max")

    @property
    def pattern(self) -> str | None:
        """Regular expression in Java's dialect that the whole string satisfies."""
        return self._definition.get("pattern")

    @property
    def enum(self) -> tuple[str, ...]:
        """Values that a string may have; empty where any will do."""
        return tuple(self._definition.get("enum", ()))

    @cached_property
    def is_union(self) -> bool:
        """Whether exactly one member of the structure is set."""
        return bool(self._definition.get("union"))

    @cached_property
    def is_document(self) -> bool:
        """Whether any JSON value will do."""
        return bool(self._definition.get("document"))

    @cached_property
    def is_plain(self) -> bool:
        """Whether a value is taken as it is: it has no parts that a shape declares."""
        return self.is_document or self.type not in ("structure", "list", "map")

    @property
    def is_sensitive(self) -> bool:
        """Whether values are secrets, which no message and no event may show."""
        return bool(self._definition.get("sensitive"))

    @property
    def documentation(self) -> str:
        """What the model says about the shape; HTML, may be empty."""
        return str(self._definition.get("documentation", ""))

    @cached_property
    def idempotency_token(self) -> str | None:
        """Name of the member that makes a repeated request harmless, if there is one."""
        references: Mapping[str, Any] = self._definition.get("members", {})
        tokens = (name for name, given in references.items() if given.get("idempotencyToken"))
        return next(tokens, None)

    def member_documentation(self, name: str) -> str:
        """Return what the model says about a structure's member; HTML, may be empty."""
        reference = self._definition["members"][name]
        return str(reference.get("documentation") or self.members[name].documentation)

    def _resolve(self, reference: Mapping[str, Any]) -> Shape:
        return shape(reference["shape"], self.service)


class Operation:
    """An operation of the API.

    Attributes
    ----------
    name : str
        Name on the wire, such as ``CreateTrainingJob``.
    service : str
        Service model that declares it, one of `SERVICES`.
    """

    def __init__(self, name: str, definition: Mapping[str, Any], service: str) -> None:
        self.name = name
        self.service = service
        self._definition = definition

    def __repr__(self) -> str:
        return f"<Operation {self.service}.{self.name}>"

    @cached_property
    def input(self) -> Shape | None:
        """Shape of the request, `None` where the operation takes nothing."""
        return self._shape("input")

    @cached_property
    def output(self) -> Shape | None:
        """Shape of the answer, `None` where there is nothing to say."""
        return self._shape("output")

    @property
    def errors(self) -> tuple[str, ...]:
        """Names of the errors that the model declares for the operation."""
        return tuple(error["shape"] for error in self._definition.get("errors", ()))

    @property
    def documentation(self) -> str:
        """What the model says about the operation; HTML."""
        return str(self._definition.get("documentation", ""))

    def _shape(self, side: str) -> Shape | None:
        reference = self._definition.get(side)
        return shape(reference["shape"], self.service) if reference else None


def operation(name: str) -> Operation:
    """Return the operation of that name.

    Raises
    ------
    UnknownOperationException
        If no service model has it; the message names the nearest ones.
    """
    found = operations().get(name)
    if found is not None:
        return found
    near = suggestions(name)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise UnknownOperationException(f"There is no operation {name!r}.{hint}")


def operations(service: str | None = None) -> Mapping[str, Operation]:
    """Return every operation by name: of one service model, of all by default."""
    with _lock:
        known = _operations()
    if service is None:
        return known
    return {name: one for name, one in known.items() if one.service == service}


def service_of(name: str) -> str:
    """Return the service model, one of `SERVICES`, that declares the operation.

    Raises
    ------
    UnknownOperationException
        If no service model has it.
    """
    return operation(name).service


def suggestions(name: str, limit: int = 3) -> list[str]:
    """Return names of operations that look like `name`, nearest first, at most `limit`."""
    folded = {known.lower(): known for known in operations()}
    near = difflib.get_close_matches(name.lower(), folded, limit, cutoff=0.75)
    return [folded[match] for match in near]


def shape(name: str, service: str = "sagemaker") -> Shape:
    """Return a shape by name; one object per shape, so that it can be a key.

    Raises
    ------
    LookupError
        If neither the service model nor, for our own, SageMaker's has it.
    """
    known = _shapes.get((service, name))
    if known is not None:
        return known
    definition = document(service)["shapes"].get(name)
    if definition is not None:
        return _shapes.setdefault((service, name), Shape(name, definition, service))
    if service == "jupyter-ml":
        return shape(name, "sagemaker")
    raise LookupError(f"The {service} model has no shape {name!r}.")


def document(service: str) -> dict[str, Any]:
    """Return a service model as its file has it, to be read and never changed.

    Parameters
    ----------
    service : str
        One of `SERVICES`.

    Raises
    ------
    LookupError
        If the installed botocore has no such model.
    """
    with _lock:
        return _document(service)


def botocore_version() -> str:
    """Return the version of the installed botocore without importing it."""
    from importlib.metadata import version  # noqa: PLC0415 - slow, and only errors need it

    return version("botocore")


@cache
def _document(service: str) -> dict[str, Any]:
    if service == "jupyter-ml":
        return _read(_OWN)
    package = importlib.util.find_spec("botocore")
    locations = package.submodule_search_locations if package else None
    for location in locations or ():
        versions = sorted((Path(location) / "data" / service).glob("*/service-2.json*"))
        if versions:
            return _read(versions[-1])
    raise LookupError(
        f"The service model {service!r} is missing: install botocore, which ships it, "
        "into this interpreter's environment."
    )


def _read(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    document: dict[str, Any] = orjson.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    return document


@cache
def _operations() -> Mapping[str, Operation]:
    return {
        name: Operation(name, definition, service)
        for service in reversed(SERVICES)
        for name, definition in document(service)["operations"].items()
    }
