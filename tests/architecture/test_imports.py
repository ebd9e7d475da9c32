import statistics

import jupyter_ml

_TIMED = "import time; t = time.perf_counter(); import jupyter_ml; print(time.perf_counter() - t)"
_LOADED = "import sys, jupyter_ml; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
HEAVY = {"botocore", "IPython", "jupyter_server", "numpy", "orjson", "pandas", "sqlalchemy"}


def test_importing_the_package_takes_less_than_150_milliseconds(python):
    python("-c", "import jupyter_ml")
    seconds = [float(python("-c", _TIMED)) for _ in range(5)]
    assert statistics.median(seconds) < 0.150


def test_importing_the_package_imports_nothing_heavy(python):
    assert not HEAVY & set(python("-c", _LOADED).split())


def test_every_public_name_can_be_had_and_says_what_it_is():
    for name in jupyter_ml.__all__:
        value = getattr(jupyter_ml, name)
        assert name.startswith("__") or value.__doc__, name


def test_every_public_name_is_offered_by_completion():
    assert set(jupyter_ml.__all__) <= set(dir(jupyter_ml))
