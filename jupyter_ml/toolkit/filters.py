"""The language that runs are filtered with: MLflow's, made into SageMaker's search expressions.

::

    metrics.auc > 0.8 and params.depth = 3
    tags.team in ('red', 'blue') and (status = 'Failed' or start_time >= '2030-01-31')
    metrics."val loss" <= 0.1 and params.model like '%forest%'

Beyond MLflow it has `or`, parentheses, numbers for parameters, and the experiment and the trial
of a run as attributes.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyter_ml.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Json = dict[str, Any]

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<quoted>`[^`]*`)
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<operator>!=|<>|>=|<=|==|=|>|<)
    | (?P<mark>[(),])
    | (?P<word>[A-Za-z_][\w.:/-]*)
    """,
    re.VERBOSE,
)
_COMPARISONS: Final = {
    "=": "Equals",
    "==": "Equals",
    "!=": "NotEquals",
    "<>": "NotEquals",
    ">": "GreaterThan",
    ">=": "GreaterThanOrEqualTo",
    "<": "LessThan",
    "<=": "LessThanOrEqualTo",
}
_EQUALITY: Final = ("Equals", "NotEquals")
_ENTITIES: Final = {
    **dict.fromkeys(("metric", "metrics"), "metrics"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "params"),
    **dict.fromkeys(("tag", "tags"), "tags"),
    **dict.fromkeys(("attr", "attribute", "attributes", "run"), ""),
}
_PROPERTIES: Final = {
    "metrics": "Metrics.{}.Last",
    "params": "Parameters.{}",
    "tags": "Tags.{}.Value",
}
_ATTRIBUTES: Final = {
    **dict.fromkeys(("name", "run_name", "run_id"), "RunName"),
    "status": "Status.PrimaryStatus",
    "start_time": "StartTime",
    "end_time": "EndTime",
    "created": "CreationTime",
    **dict.fromkeys(("user", "user_id"), "CreatedBy.UserProfileName"),
    "experiment": "Parents.ExperimentName",
    "trial": "Parents.TrialName",
}
_TIMES: Final = frozenset({"StartTime", "EndTime", "CreationTime"})
_STATUSES: Final = {
    **{word.lower(): word for word in ("InProgress", "Completed", "Failed", "Stopping", "Stopped")},
    # MLflow's words
    "running": "InProgress",
    "finished": "Completed",
    "killed": "Stopped",
}
# Later than that in seconds is a time in milliseconds, as MLflow has them.
_MILLISECONDS: Final = 1e11


@dataclass(frozen=True)
class Filter:
    """A filter that was read.

    Attributes
    ----------
    expression
        As `Search` takes it.
    columns
        The metrics, parameters and tags that it names, such as `metrics.auc`, in its order.
    """

    expression: Json
    columns: tuple[str, ...]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def content(self) -> str:
        """The text without quotes."""
        return self.text[1:-1] if self.kind in {"text", "quoted"} else self.text


@dataclass(frozen=True)
class _Subject:
    """What is compared: `metrics`, `params`, `tags` or "" with its key, and the property."""

    entity: str
    key: str
    name: str


def parse_filter(text: str) -> Filter:
    """Return the search expression that a filter means.

    Raises
    ------
    UsageError
        It cannot be read; says where, what was expected, and what a wrong word resembles.
    """
    reader = _Reader(text)
    try:
        part = reader.alternatives()
    except RecursionError:
        raise UsageError("The filter is nested too deeply to be read.") from None
    reader.end()
    return Filter(
        {"Filters": [part]} if "Name" in part else part, tuple(dict.fromkeys(reader.columns))
    )


def parse_order(text: str) -> tuple[str, str]:
    """Return `SortBy` and `SortOrder` of an order such as `metrics.auc desc`.

    Raises
    ------
    UsageError
        It cannot be read; says where.
    """
    reader = _Reader(text)
    subject = reader.subject()
    direction = reader.take_word("asc", "desc")
    reader.end()
    return subject.name, "Descending" if direction == "desc" else "Ascending"


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*self._split()]
        self._at = 0
        self.columns: list[str] = []

    def alternatives(self) -> Json:
        """Read comparisons joined by `or`."""
        return self._joined("or", "Or", lambda: self._joined("and", "And", self._term))

    def end(self) -> None:
        """Require that nothing is left."""
        if self._here.kind != "end":
            raise self._wrong(self._here, "an `and`, an `or` or the end")

    def subject(self) -> _Subject:
        """Read what is compared."""
        token = self._next()
        if token.kind != "word":
            raise self._wrong(token, "a name such as metrics.auc, params.depth or status")
        entity, dot, key = token.text.partition(".")
        if dot and not key and self._here.kind in {"text", "quoted"}:
            key = self._next().content
        if not dot:
            entity, key = "attributes", entity
        known = _ENTITIES.get(entity.lower())
        if known is None:
            near = _near(entity, (*_ENTITIES, "attributes"))
            raise self._error(
                token, f"there is no {entity!r}: it is metrics, params or tags.{near}"
            )
        if not key:
            raise self._error(token, f"a name is missing behind {token.text!r}")
        if known:
            self.columns.append(f"{known}.{key}")
            return _Subject(known, key, _PROPERTIES[known].format(key))
        name = _ATTRIBUTES.get(key.lower())
        if name is None:
            near = _near(key, _ATTRIBUTES) or f" There are {', '.join(_ATTRIBUTES)}."
            msg = f"there is no attribute {key!r}; metrics, params and tags have a prefix.{near}"
            raise self._error(token, msg)
        return _Subject("", key, name)

    def take_word(self, *words: str) -> str | None:
        """Read one of some words, if it is there."""
        here = self._here
        if here.kind == "word" and here.text.lower() in words:
            self._at += 1
            return here.text.lower()
        return None

    def _joined(self, word: str, operator: str, inner: Callable[[], Json]) -> Json:
        parts = [inner()]
        while self.take_word(word):
            parts.append(inner())
        return parts[0] if len(parts) == 1 else _join(operator, parts)

    def _term(self) -> Json:
        if self._take_mark("("):
            inner = self.alternatives()
            if not self._take_mark(")"):
                raise self._wrong(self._here, "a closing parenthesis")
            return inner
        return self._comparison()

    def _comparison(self) -> Json:
        subject = self.subject()
        token = self._here
        if self.take_word("is"):
            absent = not self.take_word("not")
            if not self.take_word("null"):
                raise self._wrong(self._here, "`null` or `not null`")
            return _filter(subject, "NotExists" if absent else "Exists")
        negated = bool(self.take_word("not"))
        if self.take_word("in"):
            return self._among(subject, negated=negated)
        if not negated and self.take_word("like"):
            return self._like(subject)
        operator = _COMPARISONS.get(token.text) if token.kind == "operator" else None
        if operator is None or negated:
            near = _near(token.text.lower(), ("like", "in", "is", "not"))
            raise self._wrong(token, "a comparison: = != > >= < <=, like, in, is null", near)
        self._at += 1
        value = self._next()
        return self._compare(subject, operator, value)

    def _compare(self, subject: _Subject, operator: str, value: _Token) -> Json:
        if value.kind not in {"text", "number"}:
            hint = f" Texts are in quotes: '{value.text}'." if value.kind == "word" else ""
            raise self._wrong(value, "a number or a text in quotes", hint)
        if value.kind == "text" and subject.entity == "metrics":
            raise self._error(value, "metrics are numbers, which have no quotes")
        is_text = not subject.entity and subject.name not in _TIMES
        is_ordered = operator not in _EQUALITY and subject.name not in _TIMES
        if is_ordered and (value.kind == "text" or is_text):
            raise self._error(value, "texts are compared by =, !=, like and in")
        content = value.content
        if subject.name == "Status.PrimaryStatus":
            content = self._status(value)
        elif subject.name in _TIMES and value.kind == "number":
            number = float(content)
            content = repr(number / 1000 if number > _MILLISECONDS else number)
        return _compared(subject, operator, content)

    def _status(self, value: _Token) -> str:
        known = _STATUSES.get(value.content.lower())
        if known is None:
            near = _near(value.content.lower(), _STATUSES)
            there = ", ".join(dict.fromkeys(_STATUSES.values()))
            raise self._error(value, f"no run has the status {value.content!r}: {there}.{near}")
        return known

    def _among(self, subject: _Subject, *, negated: bool) -> Json:
        if not self._take_mark("("):
            raise self._wrong(self._here, "a list in parentheses: ('red', 'blue')")
        operator = "NotEquals" if negated else "Equals"
        parts = [self._compare(subject, operator, self._next())]
        while self._take_mark(","):
            parts.append(self._compare(subject, operator, self._next()))
        if not self._take_mark(")"):
            raise self._wrong(self._here, "a comma or a closing parenthesis")
        return parts[0] if len(parts) == 1 else _join("And" if negated else "Or", parts)

    def _like(self, subject: _Subject) -> Json:
        value = self._next()
        if value.kind != "text":
            raise self._wrong(value, "a text in quotes, such as '%forest%'")
        if subject.entity == "metrics" or subject.name in _TIMES:
            raise self._error(value, "`like` is for texts")
        inner = value.content.strip("%")
        if not inner or "%" in inner or value.content not in {inner, f"%{inner}%"}:
            msg = f"`like` finds a text anywhere: '%{inner.replace('%', '') or 'text'}%'"
            raise self._error(value, msg)
        if value.content == inner:
            return _compared(subject, "Equals", inner)
        return _filter(subject, "Contains", inner)

    @property
    def _here(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._here
        self._at += token.kind != "end"
        return token

    def _take_mark(self, mark: str) -> bool:
        found = self._here.kind == "mark" and self._here.text == mark
        self._at += found
        return found

    def _split(self) -> Iterable[_Token]:
        at = 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None or found.lastgroup is None:
                character = self._text[at]
                what = (
                    "this quotation mark is never closed"
                    if character in "'\"`"
                    else (f"{character!r} means nothing here")
                )
                raise self._error(_Token("", character, at), what)
            if found.lastgroup != "space":
                yield _Token(found.lastgroup, found[0], at)
            at = found.end()
        yield _Token("end", "", len(self._text))

    def _wrong(self, token: _Token, wanted: str, hint: str = "") -> UsageError:
        found = "the filter ends" if token.kind == "end" else f"{token.text!r} stands"
        return self._error(token, f"{found} where {wanted} is expected.{hint}")

    def _error(self, token: _Token, text: str) -> UsageError:
        mark = " " * token.start + "^"
        place = f"position {token.start + 1}"
        return UsageError(f"At {place} of the filter, {text}\n  {self._text}\n  {mark}")


def _compared(subject: _Subject, operator: str, value: str) -> Json:
    found = _filter(subject, operator, value)
    if operator == "NotEquals":  # in this language, what is missing is not unequal
        return _join("And", [found, _filter(subject, "Exists")])
    return found


def _filter(subject: _Subject, operator: str, value: str | None = None) -> Json:
    spelled = {"Name": subject.name, "Operator": operator}
    return spelled if value is None else {**spelled, "Value": value}


def _join(operator: str, parts: list[Json]) -> Json:
    filters = [part for part in parts if "Name" in part]
    inner = [part for part in parts if "Name" not in part]
    joined: Json = {"Operator": operator}
    if filters:
        joined["Filters"] = filters
    if inner:
        joined["SubExpressions"] = inner
    return joined


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, [*known], n=1, cutoff=0.5)
    return f" Did you mean {near[0]}?" if near else ""
