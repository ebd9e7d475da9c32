"""Being, after a fork, what `python PROGRAM ARGUMENT...` would be.

Whatever tells a forked process from a started one is undone here: open files, signals,
environment, arguments, random numbers, and what the kernel shows of it.

Standard library only: supervisors and jobs import it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib.machinery
import io
import os
import runpy
import signal
import sys
import threading
import traceback
import types
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from jupyter_ml.engine.environment import MARKER
from jupyter_ml.engine.warm import pools

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOM = "JUPYTER_ML_ZYGOTE"
"""A variable of the zygote whose value is room for what /proc shall show of its descendants."""

_SHOWN = (MARKER, "JUPYTER_ML_MEMBER")
_NOT_FLUSHED = 120
_ENOUGH = 100


class Origin(NamedTuple):
    """The zygote that this process was forked from, perhaps over several generations.

    `descriptors` are the files that imports opened, `modules` is what was imported, `variables` are
    those that imports set, and `arguments` and `room` the addresses of what the kernel shows.
    """

    descriptors: frozenset[int]
    modules: frozenset[str]
    variables: Mapping[str, str]
    arguments: tuple[int, int]
    room: tuple[int, int]


_origin: Origin | None = None
_fresh = 0


def origin() -> Origin | None:
    """Return what this process was forked from; `None` if it was started."""
    return _origin


def become_origin(variables: Mapping[str, str], own: set[int]) -> None:
    """Have the processes that will be forked from this one know that they are.

    Parameters
    ----------
    variables
        Those that imports set in the environment, as they would in a job.
    own
        Descriptors that are no business of a job.
    """
    global _origin  # noqa: PLW0603  (it is a fact about the process)
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
        values = file.read().rpartition(")")[2].split()
    first, last, begin, end = map(int, values[45:49])
    start = begin + ctypes.string_at(begin, end - begin).index(f"{ROOM}=".encode())
    stop = start + len(ctypes.string_at(start))
    opened = frozenset(filter(_is_open, map(int, os.listdir("/proc/self/fd")))) - own
    modules = frozenset(sys.modules)
    pools.find()
    _origin = Origin(opened, modules, dict(variables), (first, last), (start, stop))


def _is_open(descriptor: int) -> bool:
    """Whether it still is: the list of the open files names that by which it was read, too."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def known_modules() -> frozenset[str]:
    """Return what is imported already, without touching it where the zygote has written it down.

    To look at each of thousands of names would copy the memory that they lie in.
    """
    return frozenset(sys.modules) if _origin is None else _origin.modules


def added_modules(known: frozenset[str]) -> list[str]:
    """Return the modules that were imported since, in this order."""
    added: list[str] = []
    passed = 0
    for name in reversed(sys.modules):
        if name not in known:
            added.append(name)
        elif (passed := passed + 1) == _ENOUGH:
            break  # new ones come last; a few that are known may have been imported again
    return added[::-1]


def can_run(argv: Sequence[str]) -> bool:
    """Whether a fork of this process can be what `argv` would start."""
    return (
        _origin is not None
        and len(argv) > 1
        and argv[0] == sys.executable
        and (argv[1].endswith(".py") or (argv[1] in ("-c", "-m") and len(argv) > 2))
        and pools.count() == 1
    )


def run(argv: Sequence[str], environment: Mapping[str, str], keep: Iterable[int] = ()) -> NoReturn:
    """Be what `argv` starts, to its end; called in the child of a fork.

    Standard input, output and errors and the directory are already those of the program.

    Parameters
    ----------
    argv
        What `can_run` agreed to.
    environment
        All variables of the program.
    keep
        Descriptors that it inherits.
    """
    code = 1
    try:
        before = known_modules()
        set_by_imports = {} if _origin is None else _origin.variables
        renew({**set_by_imports, **environment}, argv, keep)
        code = _exit_code(argv)
        code = _tear_down(before, code)
    except BaseException:  # noqa: BLE001  (the process ends here, whatever it is)
        traceback.print_exc()
    finally:
        os._exit(code)


def renew(environment: Mapping[str, str], argv: Sequence[str], keep: Iterable[int] = ()) -> None:
    """Leave behind what this process has of the one that it was forked from."""
    close_descriptors({0, 1, 2, *keep})
    os.environ.clear()
    os.environ.update(environment)
    _show(environment, argv)
    freshen()
    if (process := sys.modules.get("multiprocessing.process")) is not None:
        process.__dict__["ORIGINAL_DIR"] = os.getcwd()
    gc.enable()


def rehearse(keep: Iterable[int]) -> None:
    """Do once, in a process that waits, what the program will begin and end with.

    The memory that this touches is copied from the parent now, and not when a job waits for it.
    """
    freshen()
    main = sys.modules["__main__"]
    renew(dict(os.environ), sys.orig_argv, keep)
    _exit_code([sys.executable, "-c", ""])
    del sys.path[0]
    sys.modules["__main__"] = main
    _flush_files()
    gc.collect()
    gc.freeze()


def freshen() -> None:
    """Do what does not depend on what this process shall be; once, and perhaps in advance."""
    global _fresh  # noqa: PLW0603  (it is a fact about the process)
    if _fresh == os.getpid():
        return
    _fresh = os.getpid()
    _renew_signals()
    # Python's own generator is seeded anew by every fork.
    if (numpy := sys.modules.get("numpy.random")) is not None:
        numpy.seed()
    if (process := sys.modules.get("multiprocessing.process")) is not None:
        process.current_process().authkey = os.urandom(32)


def close_descriptors(keep: set[int]) -> None:
    """Close all files but these and those that imports opened."""
    kept = keep if _origin is None else keep | _origin.descriptors
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _show(environment: Mapping[str, str], argv: Sequence[str]) -> None:
    """Write arguments and marker where the kernel reads them, for `ps` and for the sweep."""
    if _origin is None:
        return
    _overwrite(_origin.arguments, b"\0".join(map(os.fsencode, argv)))
    shown = [f"{name}={environment[name]}" for name in _SHOWN if name in environment]
    _overwrite(_origin.room, b"\0".join(map(os.fsencode, shown)))


def _overwrite(place: tuple[int, int], text: bytes) -> None:
    start, end = place
    size = end - start - 1
    ctypes.memmove(start, text[:size].ljust(size + 1, b"\0"), size + 1)


def _renew_signals() -> None:
    """Set signals as Python does when it starts."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    for name in ("SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _exit_code(argv: Sequence[str]) -> int:
    """Run the program; return what Python would exit with."""
    sys.argv, sys.orig_argv = list(argv[1:]), list(argv)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    try:
        if argv[1] == "-c":
            sys.argv[1:2] = []
            sys.path.insert(0, "")
            code: Any = compile(argv[2], "<string>", "exec", dont_inherit=True)
        elif argv[1] == "-m":
            del sys.argv[1]
            sys.path.insert(0, os.getcwd())
            runpy._run_module_as_main(argv[2])  # type: ignore[attr-defined]  # noqa: SLF001
            return 0
        else:
            sys.path.insert(0, os.path.dirname(os.path.abspath(argv[1])))
            loader = importlib.machinery.SourceFileLoader("__main__", argv[1])
            main.__dict__.update(__file__=argv[1], __loader__=loader, __cached__=None)
            code = loader.get_code("__main__")
        exec(code, main.__dict__)  # noqa: S102  (running the program is what this is for)
    except SystemExit as error:
        return _number(error.code)
    except BaseException:  # noqa: BLE001  (Python shows it and exits with 1)
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _number(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)  # noqa: T201  (as Python does)
    return 1


def _tear_down(before: frozenset[str], code: int) -> int:
    """End as the interpreter does, as far as a program can tell; return the exit code.

    What was imported by the zygote is left as it is: taking it apart would take longer than
    most jobs.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
    atexit._run_exitfuncs()  # noqa: SLF001
    alive = []
    for name in [*added_modules(before), "__main__"]:
        with contextlib.suppress(TypeError):  # whatever was put there is no module
            alive.append(weakref.ref(sys.modules.pop(name)))
    _flush_files()
    gc.collect()
    for module in filter(None, (reference() for reference in alive)):
        _clear(module.__dict__)
    gc.collect()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        code = code or _NOT_FLUSHED
    ctypes.CDLL(None).fflush(None)
    return code


def _flush_files() -> None:
    """Write out files that nobody closed, before the collector closes them in any order."""
    for file in gc.get_objects():
        if isinstance(file, io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom):
            with contextlib.suppress(OSError, ValueError):
                file.flush()


def _clear(namespace: dict[str, Any]) -> None:
    """Let go of what a module holds; what functions of it need at their end goes last."""
    for private in (True, False):
        for name in list(namespace):
            if name.startswith("_") is private and name != "__builtins__":
                namespace[name] = None
