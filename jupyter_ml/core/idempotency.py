"""Idempotency tokens: the same request twice is done once and answered twice."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from jupyter_ml.contract import model
from jupyter_ml.contract.errors import ConflictException
from jupyter_ml.core.store.tables import tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    Json = dict[str, Any]


class Tokens:
    """The tokens of the store, inside one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def once(self, operation: str, request: Json, now: float, work: Callable[[], Json]) -> Json:
        """Do what a request asks for, unless one with its token was done; return its answer.

        Raises
        ------
        ConflictException
            The token came with another request before.
        """
        shape = model.operation(operation).input
        member = shape.idempotency_token if shape is not None else None
        token = request.get(member) if member else None
        if token is None:
            return work()
        known = self._find(operation, token, request)
        if known is not None:
            return known
        response = work()
        self._add(operation, token, request, response, now)
        return response

    def _find(self, operation: str, token: str, request: Json) -> Json | None:
        query = sa.select(tokens.c.digest, tokens.c.response).where(
            tokens.c.operation == operation, tokens.c.token == token
        )
        found = self._connection.execute(query).first()
        if found is None:
            return None
        if found.digest != _digest(request):
            msg = (
                f"The token {token!r} was used for another {operation} request. "
                "Use a new token for a new request."
            )
            raise ConflictException(msg)
        return dict(found.response)

    def _add(self, operation: str, token: str, request: Json, response: Json, now: float) -> None:
        self._connection.execute(
            tokens.insert().values(
                operation=operation,
                token=token,
                digest=_digest(request),
                response=response,
                created_at=now,
            )
        )


def _digest(request: Json) -> str:
    text = json.dumps(request, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
