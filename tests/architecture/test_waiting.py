import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]

# Where time may pass: in the one look that waits for a condition on a loop, and between what a
# soak's actors do. Everybody else waits with `jupyter_ml.testing.eventually` or for an event.
MAY_SLEEP = {"server/conftest.py", "soak/house.py"}


def test_no_test_sleeps():
    sleeping = {
        f"{path.relative_to(TESTS)}:{node.lineno}"
        for path in TESTS.rglob("*.py")
        if str(path.relative_to(TESTS)) not in MAY_SLEEP
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and _sleeps(node)
    }
    assert not sleeping


def _sleeps(call):
    """Return whether a call waits for time to pass; one of 0 s only lets others go first."""
    name = getattr(call.func, "attr", getattr(call.func, "id", None))
    no_time = [ast.unparse(argument) for argument in call.args] == ["0"]
    return name in {"sleep", "wait_for_timeout"} and not no_time
