"""What goes along with a cell."""

from __future__ import annotations

import pytest

from jupyter_ml.contract.errors import UsageError
from jupyter_ml.toolkit import capture


def captured(source, namespace, **options):
    return capture.captured(capture.parsed(source), namespace, **options)


def test_a_cell_gets_the_variables_that_it_reads_and_the_kernel_has():
    found = captured("y = train + depth + absent", {"train": 1, "depth": 2, "other": 3})
    assert found.values == {"train": 1, "depth": 2}


def test_a_name_that_the_cell_defines_first_stays_here():
    assert captured("depth = 5\nprint(depth)", {"depth": 3}).values == {}


def test_a_variable_that_hides_a_builtin_is_sent():
    assert captured("print(max)", {"max": 7}).values == {"max": 7}


def test_names_of_ipython_are_not_proposed():
    with pytest.raises(UsageError, match=r"no variable 'nope' to send\.$"):
        captured("1", {"open": 1}, only=["nope"], hidden={"open"})


def test_names_of_ipython_stay_here():
    assert captured("print(In)", {"In": []}, hidden={"In"}).values == {}


def test_secrets_are_not_sent_unless_somebody_asks():
    kernel = {"api_key": "abc", "max_tokens": 512, "note": "sk-" + "a" * 30}
    found = captured("use(api_key, max_tokens, note)", kernel)
    assert found.values == {"max_tokens": 512}
    assert [problem.name for problem in found.withheld] == ["api_key", "note"]
    assert captured("use(api_key)", kernel, only=["api_key"]).values == {"api_key": "abc"}


def test_an_unknown_input_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match=r"no variable 'trian'.*Did you mean 'train'"):
        captured("1", {"train": 1}, only=["trian"])


def test_an_output_that_the_cell_never_assigns_is_refused():
    with pytest.raises(UsageError, match=r"never assigns 'modle'.*Did you mean 'model'"):
        capture.require_outputs(capture.parsed("model = 1"), ["modle"])


@pytest.mark.parametrize(
    "line",
    ["%matplotlib inline", "!pip install x", "files = !ls", "t = %timeit -o f()", "train?"],
)
def test_ipython_syntax_is_refused_with_its_line(line):
    with pytest.raises(UsageError, match="Line 2 is IPython syntax") as caught:
        capture.parsed(f"x = 1\n{line}\ny = 2")
    assert line in str(caught.value)


def test_broken_python_is_refused_with_its_line():
    with pytest.raises(UsageError, match=r"Line 2 .* not valid Python .*: y = \("):
        capture.parsed("x = 1\ny = (\n")


def test_an_empty_cell_is_refused():
    with pytest.raises(UsageError, match="empty"):
        capture.parsed("\n  \n")


def test_await_at_the_top_of_a_cell_is_python():
    assert captured("await fetch(page)", {"page": 1}).values == {"page": 1}
