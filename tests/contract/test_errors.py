"""The tree of errors and its translation from the wire."""

from __future__ import annotations

import pickle

import pytest

from jupyter_ml.contract import errors

# Surfaces have errors of their own, which are there once something has imported them.
WIRE_ERRORS = [
    error for error in errors.ServiceError.__subclasses__() if error.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", WIRE_ERRORS, ids=lambda error: error.code)
def test_the_module_draws_each_error_with_its_status(error: type[errors.ServiceError]) -> None:
    """The drawing is what people read; it agrees with the classes."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if f" {error.code} " in line]
    assert len(lines) == 1
    assert str(error.status) in lines[0]


@pytest.mark.parametrize("error", WIRE_ERRORS, ids=lambda error: error.code)
def test_an_error_survives_the_wire(error: type[errors.ServiceError]) -> None:
    """Code and message are enough to rebuild the class."""
    rebuilt = errors.from_wire(error.code, "what and what to do", error.status)
    assert type(rebuilt) is error
    assert str(rebuilt) == "what and what to do"


def test_a_namespace_before_the_code_is_dropped() -> None:
    """AWS's JSON protocol may send it."""
    rebuilt = errors.from_wire("com.amazonaws.sagemaker#ResourceInUse", "taken")
    assert isinstance(rebuilt, errors.ResourceInUse)


def test_the_runtime_s_word_for_a_wrong_request_is_understood() -> None:
    """Unlike sagemaker, sagemaker-runtime says ValidationError."""
    assert isinstance(errors.from_wire("ValidationError", "no"), errors.ValidationException)


def test_an_unknown_code_keeps_code_and_status_even_through_pickle() -> None:
    """Another server may know errors that this program does not."""
    unknown = pickle.loads(pickle.dumps(errors.from_wire("TeapotException", "short", 418)))
    assert (unknown.code, unknown.status, unknown.message) == ("TeapotException", 418, "short")


def test_a_model_error_carries_what_the_model_answered() -> None:
    """The data plane passes it on to the caller."""
    error = errors.ModelError("failed", original_status=503, original_message="busy")
    assert (error.status, error.original_status, error.original_message) == (424, 503, "busy")
