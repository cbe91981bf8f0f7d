"""This machine, as training and answering see it: device, memory, precision, attention, graphs, versions."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from tuition.base.version import __version__
from tuition.models.execution import execution_for
from tuition.models.graphs import capture_for
from tuition.models.load import FOUR_BIT, resolve_precision

_SHOWN = ("torch", "transformers", "peft", "tokenizers", "safetensors")
_OPTIONAL = ("bitsandbytes", "datasets", "trl")


@dataclass(frozen=True, slots=True)
class Machine:
    """What is known of a machine without loading a model; memory in bytes, None where it cannot be known.

    `device` is the type that models are loaded on (`cuda` or `cpu`); `remarks` are what one might not expect.
    """

    device: str
    name: str
    threads: int
    memory: int | None
    free_memory: int | None
    precision: str
    four_bit: bool
    attention: str
    graphs: str
    versions: dict[str, str]
    remarks: tuple[str, ...] = ()


def this_machine() -> Machine:
    """Look at the machine and the environment that this process runs in."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    memory, free = _memory(device)
    packed = execution_for(device).packed
    capture, reason = capture_for(device)
    return Machine(
        device=device.type,
        name=device_name(device),
        threads=torch.get_num_threads(),
        memory=memory,
        free_memory=free,
        precision=resolve_precision("auto"),
        four_bit=importlib.util.find_spec("bitsandbytes") is not None,
        attention=(
            "scaled dot product with a mask over packed sequences, where that is exact for the model"
            if packed
            else "plain matrix products while their scores fit into 1 GiB, then torch's fused kernel"
        ),
        graphs=f"none: {reason}" if capture is None else "CUDA graphs, one a shape",
        versions=versions(),
        remarks=tuple(_remarks(device)),
    )


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of those that it computes with."""
    found = {"tuition": __version__, "python": platform.python_version()}
    for package in (*_SHOWN, *_OPTIONAL):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if torch.version.cuda is not None:
        found["cuda"] = torch.version.cuda
    return found


def device_name(device: torch.device) -> str:
    """Return the name of a GPU or of the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _memory(device: torch.device) -> tuple[int | None, int | None]:
    """Return the device's memory and what of it is free."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total, free
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        return None, None


def _remarks(device: torch.device) -> list[str]:
    remarks = []
    if device.type == "cuda" and torch.cuda.device_count() > 1:
        remarks.append(f"{torch.cuda.device_count()} GPUs; one process uses one of them (docs/how-to/devices.md)")
    if device.type == "cpu" and torch.backends.mps.is_available():
        remarks.append("the Apple GPU (MPS) is not used")
    if device.type == "cpu" and resolve_precision("auto") == "float32":
        remarks.append("the processor has no bfloat16 arithmetic; weights are float32 and take twice the memory")
    if importlib.util.find_spec("bitsandbytes") is None:
        remarks.append(f"precision {FOUR_BIT} needs bitsandbytes: pip install 'tuition[4bit]'")
    return remarks
