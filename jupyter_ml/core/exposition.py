"""Figures as Prometheus reads them: its text format, version 0.0.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Family:
    """One metric with all its series.

    Parameters
    ----------
    name
        Its name, with its unit in it.
    kind
        What the figure is.
    about
        What it says, in a sentence.
    samples
        What each series adds to the name (`_bucket` of a histogram, else ""), its labels and its
        value.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    about: str
    samples: Sequence[tuple[str, Mapping[str, str], float]]


def single(
    name: str,
    kind: Literal["counter", "gauge"],
    about: str,
    value: float,
    labels: Mapping[str, str] | None = None,
) -> Family:
    """Return a metric of one series."""
    return Family(name, kind, about, [("", labels or {}, value)])


def written(families: Iterable[Family]) -> bytes:
    """Return metrics as the body of an answer to Prometheus."""
    lines = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped(family.about)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [
            f"{family.name}{suffix}{_labels(labels)} {value!r}"
            for suffix, labels, value in family.samples
        ]
    return "".join(f"{line}\n" for line in lines).encode()


def _labels(labels: Mapping[str, str]) -> str:
    quote = '\\"'
    pairs = [
        f'{name}="{_escaped(value).replace(chr(34), quote)}"' for name, value in labels.items()
    ]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
