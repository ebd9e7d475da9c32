"""What this machine has: CPUs, memory, GPUs, and whether work outlives the server on it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_MIB = 1 << 20
_UNLIMITED = 1 << 60


@dataclass(frozen=True)
class Gpu:
    """One GPU; `index` is its number on the PCI bus, as CUDA counts in that order."""

    index: int
    name: str
    memory_mb: int


@dataclass(frozen=True)
class Machine:
    """What work may use here.

    `cpu_ids` are the numbers of the CPUs; a container or a batch system may have lent only some,
    and `cpus` may be fewer still where a quota is set.
    """

    cpus: int
    cpu_ids: tuple[int, ...]
    memory_mb: int
    gpus: tuple[Gpu, ...] = ()

    def to_json(self) -> str:
        """Return the machine as text, for a job that submits jobs."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Machine:
        """Return the machine that `to_json` wrote, as far as it is known here.

        A job may have another version of this program than who submitted it. These are facts that
        ask for nothing, so one that is not known here is of no use, and of no harm.
        """
        values = json.loads(text)
        gpus = tuple(Gpu(**_known(Gpu, gpu)) for gpu in values.get("gpus", ()))
        known = _known(cls, values)
        return cls(**{**known, "cpu_ids": tuple(values["cpu_ids"]), "gpus": gpus})


def _known(kind: type[Machine | Gpu], values: Mapping[str, Any]) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def detect(environ: Mapping[str, str] | None = None) -> Machine:
    """Return what this machine has.

    A job sees less than the machine, by design; there the answer is what its supervisor saw.
    """
    environ = os.environ if environ is None else environ
    if told := environ.get("JUPYTER_ML_MACHINE"):
        return Machine.from_json(told)
    cpu_ids = _cpu_ids()
    cpus = max(1, min(len(cpu_ids), int(_cpu_quota())))
    memory = min(_total_memory(), _memory_limit())
    return Machine(cpus, cpu_ids, memory // _MIB, _visible(_gpus(), environ))


@cache
def here() -> Machine:
    """Return what this machine has, looked up once: it is asked for with every job."""
    return detect()


def available_memory_mb() -> int:
    """Return how much memory could be used right now without swapping, in MiB."""
    free = _meminfo("MemAvailable")
    if free is None:
        return detect().memory_mb
    return min(free, _memory_limit()) // _MIB


def survival(environ: Mapping[str, str] | None = None) -> tuple[bool, str]:
    """Return whether work outlives the Jupyter server here, and why, in a sentence."""
    environ = os.environ if environ is None else environ
    with contextlib.suppress(OSError), open("/proc/1/cmdline", "rb") as file:
        if b"jupyter" in file.read():
            return False, "The server is the first process of its container, which ends with it."
    if "KUBERNETES_SERVICE_HOST" in environ and "JUPYTERHUB_USER" in environ:
        return False, "The hub removes the container when it stops the server."
    unit = _own_group("").rpartition("/")[2]
    if unit.endswith(".service") and not unit.startswith("user@"):
        return False, f"systemd ends everything in {unit} with the server."
    return True, "Work runs in sessions of its own."


def _cpu_ids() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def _cpu_quota() -> float:
    for path in _group_files("", "cpu.max"):
        quota, period = _read(path).split()
        if quota != "max":
            return max(1.0, int(quota) / int(period))
    for path in _group_files("cpu", "cpu.cfs_quota_us"):
        if (quota_us := int(_read(path))) > 0:
            period_us = int(_read(path.replace("cfs_quota_us", "cfs_period_us")))
            return max(1.0, quota_us / period_us)
    return float(_UNLIMITED)


def _total_memory() -> int:
    return _meminfo("MemTotal") or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _meminfo(name: str) -> int | None:
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


def _memory_limit() -> int:
    limits = [
        *_group_files("", "memory.max"),
        *_group_files("memory", "memory.limit_in_bytes"),
    ]
    values = [_read(path) for path in limits]
    return min([_UNLIMITED, *(int(value) for value in values if value.isdigit())])


def _group_files(controller: str, name: str) -> list[str]:
    """Return this file of our control group and of those above it, as far as we see them."""
    root = f"/sys/fs/cgroup/{controller}".rstrip("/")
    parts = _own_group(controller).strip("/").split("/")
    paths = [os.path.join(root, *parts[:depth], name) for depth in range(len(parts), -1, -1)]
    return [path for path in dict.fromkeys(paths) if os.path.exists(path)]


def _own_group(controller: str) -> str:
    with contextlib.suppress(OSError), open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            if controller in controllers.split(","):
                return path
    return "/"


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def _gpus() -> list[tuple[Gpu, str]]:
    """Return the GPUs that NVIDIA's driver knows, each with its unique id."""
    if sys.platform != "linux":
        return []
    try:
        nvml: Any = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    if nvml.nvmlInit_v2() != 0:
        return []
    try:
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return [gpu for index in range(count.value) if (gpu := _gpu(nvml, index)) is not None]
    finally:
        nvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> tuple[Gpu, str] | None:
    device, memory = ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()
    name, unique = ctypes.create_string_buffer(96), ctypes.create_string_buffer(96)
    if nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)) != 0:
        return None
    nvml.nvmlDeviceGetName(device, name, 96)
    nvml.nvmlDeviceGetUUID(device, unique, 96)
    nvml.nvmlDeviceGetMemoryInfo(device, memory)
    return Gpu(index, name.value.decode(), memory[0] // _MIB), unique.value.decode()


def _visible(gpus: list[tuple[Gpu, str]], environ: Mapping[str, str]) -> tuple[Gpu, ...]:
    lent = environ.get("CUDA_VISIBLE_DEVICES")
    if lent is None:
        return tuple(gpu for gpu, _ in gpus)
    names = [name.strip() for name in lent.split(",")]
    return tuple(gpu for gpu, unique in gpus if str(gpu.index) in names or unique in names)
