"""What the machine offers: ports, GPUs, FUSE, the clock, and whether work outlives the server."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

import jupyter_ml
from jupyter_ml.core.store.failures import StoreError
from jupyter_ml.core.store.tables import events
from jupyter_ml.engine import machine
from jupyter_ml.toolkit.doctor.finding import LIMITED, NO, OK, Finding

if TYPE_CHECKING:
    from jupyter_ml.toolkit.doctor.finding import Place

_SKEW_S = 60.0
_FUSE = "/dev/fuse"


def ports(place: Place) -> Finding:
    """Listen on loopback, and call it."""
    del place
    name = "ports"
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(2)
            with socket.create_connection(listener.getsockname(), timeout=2):
                listener.accept()[0].close()
    except OSError as error:
        why = f"Nothing can be served on 127.0.0.1: {error.strerror or error}."
        return Finding(name, NO, why, "Endpoints need a port there: look at the firewall.")
    return Finding(name, OK, "Endpoints can listen on 127.0.0.1.")


def gpus(place: Place) -> Finding:
    """Ask NVIDIA's driver."""
    del place
    found = machine.detect().gpus
    if found:
        shown = ", ".join(f"{gpu.name} ({gpu.memory_mb:,} MiB)" for gpu in found)
        return Finding("GPU", OK, f"{shown}; each is lent to one job at a time.")
    if shutil.which("nvidia-smi"):
        advice = "See what nvidia-smi says, and CUDA_VISIBLE_DEVICES."
        return Finding("GPU", LIMITED, "nvidia-smi is here, but the driver shows no GPU.", advice)
    return Finding("GPU", OK, "None: work runs on CPUs, and a size with GPUs is refused.")


def fuse(place: Place) -> Finding:
    """Open the device."""
    del place
    helper = shutil.which("fusermount3") or shutil.which("fusermount")
    try:
        os.close(os.open(_FUSE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        why = f"{_FUSE} cannot be opened ({error.strerror}). Nothing here needs it."
        return Finding("FUSE", LIMITED, why)
    if helper is None and os.geteuid() != 0:
        return Finding("FUSE", LIMITED, "fusermount3 is missing. Nothing here needs it.")
    return Finding("FUSE", OK, f"{_FUSE} can be opened. Nothing here needs it.")


def clock(place: Place) -> Finding:
    """Compare the clock with what happened before: the installation, and the newest event."""
    name, now = "clock", time.time()
    installed = Path(jupyter_ml.__file__).stat().st_mtime
    newest = None
    if place.has_store:
        try:
            with place.reading() as connection:
                newest = connection.execute(sa.select(sa.func.max(events.c.time))).scalar()
        except StoreError:
            newest = None  # the check of the store says why
    for what, then in (("was installed", installed), ("wrote its newest event", newest)):
        if then is not None and then - now > _SKEW_S:
            ahead = f"jupyter_ml {what} {then - now:,.0f} s from now."
            advice = "Set the clock, such as by NTP: schedules and ages rely on it."
            return Finding(name, LIMITED, f"It seems to be slow: {ahead}", advice)
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now))
    return Finding(name, OK, f"{shown}; nothing that happened is in the future.")


def survival(place: Place) -> Finding:
    """Say whether work outlives the Jupyter server."""
    del place
    survives, why = machine.survival()
    if survives:
        return Finding("server stop", OK, f"Jobs and endpoints outlive it. {why}")
    advice = "Let jobs end before the server is stopped; running work counts as activity."
    return Finding("server stop", LIMITED, f"It ends jobs and endpoints. {why}", advice)
