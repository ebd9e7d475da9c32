"""What an algorithm declares of itself: its hyperparameters with types and ranges."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TRUE_FALSE = {"true": True, "1": True, "false": False, "0": False}


class HyperparameterError(ValueError):
    """Hyperparameters that an algorithm cannot be run with; the message names each."""


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter.

    Parameters
    ----------
    name
        As SageMaker spells it.
    kind
        `int`, `float`, `bool`, `str` or `json` (a list or object).
    low, high
        Smallest and largest value.
    open_low
        Whether `low` itself is excluded.
    choices
        The texts that are allowed.
    pattern
        What a text must match, where the allowed ones cannot be listed.
    required
        Whether there is no default.
    auto
        Whether it may be `auto`: chosen by the algorithm.
    """

    name: str
    kind: str = "float"
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    required: bool = False
    auto: bool = False

    def parse(self, text: str) -> Any:
        """Return the typed value of a text.

        Raises
        ------
        HyperparameterError
            The text is no such value; says what would be.
        """
        if self.auto and text.strip(' "') == "auto":
            return "auto"
        try:
            value = self._typed(text)
        except ValueError:
            value = None
        if value is None or not self._allows(value):
            msg = f"{self.name}={text!r} is not {'auto or ' * self.auto}{self.wanted}."
            raise HyperparameterError(msg)
        return value

    @property
    def wanted(self) -> str:
        """What a value must be, in words: "a number in (0, 1]"."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        words = {"int": "a whole number", "float": "a number", "bool": "true or false"}
        word = words.get(self.kind, "a JSON list" if self.kind == "json" else "a valid name")
        if self.low is None and self.high is None:
            return word
        if self.high is None:
            return f"{word} {'above' if self.open_low else 'of at least'} {self.low:g}"
        return f"{word} in {'(' if self.open_low else '['}{self.low:g}, {self.high:g}]"

    def _typed(self, text: str) -> Any:
        text = text.strip()
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = str(json.loads(text))
        if self.kind == "int":
            return int(text)
        if self.kind == "float":
            return float(text)
        if self.kind == "bool":
            return _TRUE_FALSE.get(text.lower())
        if self.kind == "json":
            return json.loads(text)
        return text

    def _allows(self, value: Any) -> bool:
        if isinstance(value, str):
            fits = self.pattern is None or re.fullmatch(self.pattern, value) is not None
            return fits and (not self.choices or value in self.choices)
        if isinstance(value, bool | list | dict):
            return True
        above = self.low is None or (value > self.low if self.open_low else value >= self.low)
        return bool(above and (self.high is None or value <= self.high) and value == value)  # noqa: PLR0124


@dataclass(frozen=True)
class Algorithm:
    """A built-in algorithm.

    Parameters
    ----------
    name
        `AlgorithmName`, and its short image name.
    repositories
        Image repositories that mean this algorithm.
    module
        What is run as the job's program.
    parameters
        Its hyperparameters.
    channels
        Required channels, then those that may be there.
    metrics
        Regular expression for the names of the metrics that it logs itself.
    most_members
        Largest number of instances.
    refused
        Hyperparameters of SageMaker's that are not supported here.
    misfits
        Of typed hyperparameters, what is wrong between them.
    """

    name: str
    repositories: tuple[str, ...]
    module: str
    parameters: tuple[Parameter, ...]
    required_channels: tuple[str, ...]
    optional_channels: tuple[str, ...]
    metrics: str
    most_members: int = 1
    refused: tuple[str, ...] = ()
    misfits: Callable[[Mapping[str, Any]], list[str]] | None = None

    def parse(self, hyperparameters: Mapping[str, str]) -> dict[str, Any]:
        """Return typed hyperparameters.

        Raises
        ------
        HyperparameterError
            Names every one that is unknown, missing or out of range.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        problems, values = [], {}
        for name, text in hyperparameters.items():
            if name in self.refused:
                problems.append(f"{self.name} does not support {name!r} here; leave it out.")
                continue
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else "."
                problems.append(f"{self.name} has no hyperparameter {name!r}{hint}")
                continue
            try:
                values[name] = known[name].parse(text)
            except HyperparameterError as error:
                problems.append(str(error))
        problems += [
            f"{self.name} needs the hyperparameter {parameter.name!r}, {parameter.wanted}."
            for parameter in self.parameters
            if parameter.required and parameter.name not in hyperparameters
        ]
        if not problems and self.misfits is not None:
            problems = self.misfits(values)
        if problems:
            raise HyperparameterError(" ".join(problems))
        return values

    def check_channels(self, names: list[str]) -> None:
        """Refuse channels that the algorithm does not know or lacks.

        Raises
        ------
        HyperparameterError
            Names them.
        """
        for name in self.required_channels:
            if name not in names:
                msg = f"{self.name} needs a channel {name!r}; there is {names or 'none'}."
                raise HyperparameterError(msg)
        known = {*self.required_channels, *self.optional_channels}
        for name in names:
            if name not in known:
                msg = f"{self.name} has no use for a channel {name!r}; it takes {sorted(known)}."
                raise HyperparameterError(msg)
