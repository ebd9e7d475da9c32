"""What this workspace answers of another AWS service: some operations, read by botocore's model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import (
    NotImplementedException,
    ServiceError,
    UnknownOperationException,
)
from jupyter_ml.contract.members import check_members
from jupyter_ml.contract.validator import validate_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]


@dataclass(frozen=True)
class Subset:
    """Some operations of one service.

    Parameters
    ----------
    service
        Name of the service in botocore.
    operations
        What answers a request that satisfies the model, by the operation's name.
    members
        What becomes of each member of the requests; see `jupyter_ml.contract.members`.
    codes
        What the service calls errors that have another name here.
    """

    service: str
    operations: Mapping[str, Callable[[Json], Json]]
    members: Mapping[str, Mapping[str, str]]
    codes: Mapping[str, str]

    def answer(self, name: str, request: Json) -> Json:
        """Return the answer to a request.

        Raises
        ------
        ServiceError
            With the code that the service has for it: there is no such operation, it is not there
            in this workspace, or the request breaks its contract.
        """
        try:
            operation = self._operation(name)
            shape = model.shape(
                model.document(self.service)["operations"][name]["input"]["shape"], self.service
            )
            request = validate_shape(shape, request)
            check_members(name, request, self.members[name])
            return operation(request)
        except ServiceError as error:
            error.code = self.codes.get(error.code, error.code)
            raise

    def _operation(self, name: str) -> Callable[[Json], Json]:
        if name not in model.document(self.service)["operations"]:
            raise UnknownOperationException(f"There is no operation {name!r} of {self.service}.")
        if name not in self.operations:
            there = ", ".join(sorted(self.operations))
            raise NotImplementedException(
                f"{name} of {self.service} is not implemented by this workspace, which has {there}."
            )
        return self.operations[name]
