"""Java's regular expressions, in Python."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_ml.contract import model
from jupyter_ml.contract.patterns import matcher
from jupyter_ml.contract.validator import relaxations, safe_pattern

STRING_SHAPES = {
    (definition["pattern"], definition.get("max", 300))
    for service in model.SERVICES
    for definition in model.document(service)["shapes"].values()
    if "pattern" in definition
}
PREFIXES = ("", "s3://", "https://", "arn:aws:sagemaker:us-east-1:123456789012:", "a:")
UNITS = ("a", "a-", "-", ".", "1", "/", "a/", "a.", " ", ":", "_", "aA1", "=", ",", "@")


def test_every_pattern_of_the_models_is_understood() -> None:
    """Those that `re` refuses too: Unicode categories and surrogate pairs."""
    assert all(matcher(safe_pattern(pattern)) for pattern, _ in STRING_SHAPES)


def test_no_pattern_of_the_models_takes_long_for_any_string_it_may_see() -> None:
    """Two of SageMaker's take exponential time; a newer botocore may bring a third."""
    slow = []
    for pattern, longest in STRING_SHAPES:
        matches = matcher(safe_pattern(pattern))
        started = time.perf_counter()
        for prefix in PREFIXES:
            for unit in UNITS:
                size = min(longest, 1024)
                matches((prefix + unit * size)[: size - 1] + "!")
        if time.perf_counter() - started > 5:
            slow.append(pattern)
    assert slow == []


@pytest.mark.parametrize("entry", relaxations()["patterns"], ids=lambda entry: entry["pattern"])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_replaced_pattern_matches_the_same_strings(
    entry: dict[str, str], data: st.DataObject
) -> None:
    """Short strings, because the original takes exponential time for long ones."""
    original = re.compile(entry["pattern"])
    text = data.draw(
        st.from_regex(original, fullmatch=True).map(lambda drawn: drawn[:20])
        | st.text("ahtps:/.-_Z9", max_size=16).map(lambda end: f"https://{end}")
        | st.text("a-9", max_size=16)
    )
    assert matcher(entry["use"])(text) == (original.fullmatch(text) is not None)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"[\p{L}\p{N}]+", "Größe七٣", "a b"),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "équipe rouge:é/ß", "tab\t"),
        (r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", "e\u0301€!", "a\u0000"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a😀\t", "\u0001"),
        (r"([\p{L}]*)${1,128}", "abc", "1"),
        (r"[\p{Alnum}\-]+", "Ab-9", "é"),
        (r"\p{ASCII}*", "text/csv", "é"),
        (r"\A\S[\p{Print}]*\z", "id 7", " id"),
    ],
)
def test_unicode_categories_and_surrogates_mean_what_they_mean_in_java(
    pattern: str, yes: str, no: str
) -> None:
    """A whole string satisfies the pattern or does not."""
    assert matcher(pattern)(yes)
    assert not matcher(pattern)(no)


def test_a_pattern_that_cannot_be_translated_is_named() -> None:
    """It is a newer botocore's, and somebody has to look at it."""
    with pytest.raises(ValueError, match="'Cherokee' is not understood"):
        matcher(r"\p{Cherokee}+")
