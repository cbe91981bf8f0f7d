"""Data-parallel training: several processes divide each batch, sum their gradients and take the same steps.

A launcher (`accelerate launch`, `torchrun`) starts the processes and sets their ranks in environment variables. All of
them have the same weights and use the same batches. If one fails, the others find out at the next synchronisation.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist

from tuition.base.errors import UserError
from tuition.base.seeds import derive_seed
from tuition.training.sharding import Sharding, is_sharded, read_sharding

_TIMEOUT = timedelta(hours=2)
"""How long one process waits for another, which may be writing a large model."""
_BUCKET = 1 << 25
"""Elements of gradients (fp32) that are summed at once."""
_NUMBERS = 4
"""The most numbers that `meet` exchanges."""
_RUNNING, _DONE, _FAILED = 0.0, 1.0, 2.0


class PeerFailedError(UserError):
    """Another process failed in this step, so no process can finish it; all of them know."""


class ProcessLostError(UserError):
    """Another process has ended or is out of step, so the processes cannot continue together."""


@dataclass(frozen=True, slots=True)
class Group:
    """The processes that train together; with a single process, the methods return what they are given.

    Where `sharding` is set, each process stores only a part of the weights (FSDP).
    """

    rank: int = 0
    size: int = 1
    sharding: Sharding | None = None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def meet(self, place: str, *numbers: float) -> list[tuple[float, ...]]:
        """Wait for all processes at the point named `place`; return each one's numbers.

        Raises:
            PeerFailedError: a process failed before it.
            ProcessLostError: a process has ended.
        """
        return [tuple(numbers)] if self.size == 1 else self._meet(_RUNNING, place, numbers)

    def finish(self) -> None:
        """Wait for all processes at the end of a step.

        Raises:
            PeerFailedError: another process failed in the step.
            ProcessLostError: a process has ended.
        """
        if self.size > 1:
            self._meet(_DONE, "the end", ())

    def fail(self, reason: str) -> None:
        """Report to all others, at their next synchronisation, that this process failed.

        Raises:
            ProcessLostError: a process has ended.
        """
        if self.size > 1:
            try:
                self._meet(_FAILED, reason, ())
            except PeerFailedError:
                return

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        return any(value for (value,) in self.meet("any", float(flag)))

    def broadcast(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first process's message (JSON); those of the others are ignored."""
        return dict(message) if self.size == 1 else self._gathered("broadcast", message if self.first else {})[0]

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value (JSON), in the order of their ranks."""
        return [value] if self.size == 1 else self._gathered("gather", value)

    def same(self, what: str, tensors: Iterable[torch.Tensor]) -> None:
        """Check that all processes have the same tensors, bit by bit; sharded ones are skipped.

        Raises:
            RuntimeError: they differ.
        """
        if self.size == 1:
            return
        digest = hashlib.sha256()
        for tensor in tensors:
            if not is_sharded(tensor):
                data: Any = tensor.detach().contiguous().cpu().flatten().view(torch.uint8).numpy()
                digest.update(memoryview(data))
        # A double represents every six-byte integer exactly.
        digests = self.meet(f"same {what}", float(int.from_bytes(digest.digest()[:6], "big")))
        if len(set(digests)) != 1:
            others = [rank for rank, value in enumerate(digests) if value != digests[0]]
            raise RuntimeError(
                f"{what} of processes {others} differ from those of process 0; the training is not valid"
            )

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Replace gradients by their sums over all processes, computed in fp32; sharded ones are summed already.

        A missing gradient counts as zero; a parameter that has none in any process still has none afterwards.

        Raises:
            ProcessLostError: a process has ended, or this one failed while the others wait for it.
        """
        if self.size > 1:
            with _exchange_errors():
                for bucket in _buckets([parameter for parameter in parameters if not is_sharded(parameter)]):
                    _sum_bucket(bucket)

    def reseed(self, seed: int, step: int) -> None:
        """Seed a step's random numbers (dropout): different in each process, the same after an interruption."""
        if self.size > 1:
            torch.manual_seed(derive_seed("training", seed, step, self.rank))

    def _meet(self, state: float, place: str, numbers: Sequence[float]) -> list[tuple[float, ...]]:
        # float64 represents a CRC, and any count, exactly.
        message = [state, zlib.crc32(place.encode()), *numbers, *[0.0] * (_NUMBERS - len(numbers))]
        mine = torch.tensor(message, dtype=torch.float64)
        messages = [torch.empty_like(mine) for _ in range(self.size)]
        with _exchange_errors():
            dist.all_gather(messages, mine)
        states = [float(row[0]) for row in messages]
        if _FAILED in states:
            reasons = self._payloads(place.encode() if state == _FAILED else b"")
            at = states.index(_FAILED)
            raise PeerFailedError(f"process {at}: {reasons[at].decode()}")
        if len({(float(row[0]), float(row[1])) for row in messages}) != 1:
            raise ProcessLostError(f"the processes are out of step at {place!r}; start the same command again")
        return [tuple(row[2 : 2 + len(numbers)].tolist()) for row in messages]

    def _gathered(self, place: str, value: Any) -> list[Any]:
        self.meet(place)
        # json, not orjson, which writes infinity as null: an impossible option has the log-probability -inf.
        return [json.loads(data) for data in self._payloads(json.dumps(value).encode())]

    def _payloads(self, data: bytes) -> list[bytes]:
        """Return each process's bytes."""
        length = torch.tensor([len(data)])
        lengths = [torch.empty_like(length) for _ in range(self.size)]
        with _exchange_errors():
            dist.all_gather(lengths, length)
            longest = max(1, *(int(one) for one in lengths))
            mine = torch.zeros(longest, dtype=torch.uint8)
            mine[: len(data)] = torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else mine[:0]
            rows = [torch.empty_like(mine) for _ in range(self.size)]
            dist.all_gather(rows, mine)
        return [bytes(row[: int(one)].numpy()) for row, one in zip(rows, lengths, strict=True)]


ALONE = Group()


def launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a launcher started this process as one of several."""
    given = all(environment.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))
    return given and int(environment["WORLD_SIZE"]) > 1


def current() -> Group:
    """Return the group that this process has joined; `ALONE` where it has joined none."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return ALONE
    return Group(dist.get_rank(), dist.get_world_size(), read_sharding(os.environ))


def join() -> Group:
    """Join the processes that a launcher started together with this one; return `ALONE` where there are none.

    Gradients on GPUs go through NCCL, everything else through Gloo.

    Raises:
        UserError: the launcher requests something unsupported, or more GPUs than there are.
    """
    if _not_started(os.environ):
        raise UserError(
            "accelerate starts several processes on CPUs (MULTI_CPU) through MPI alone, and has started one; use "
            "torchrun --nproc_per_node N, or distributed_type: MULTI_GPU, which starts them without GPUs too"
        )
    if not launched():
        return ALONE
    if not dist.is_available():
        raise UserError("this build of torch cannot run several processes together; install an ordinary one")
    _check_settings(os.environ)
    read_sharding(os.environ)  # reports wrong settings before anything is loaded
    # Otherwise transformers leaves the weights empty in all processes but one, for accelerate's wrapping to fill.
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(_own_gpu())
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        with _exchange_errors():
            dist.init_process_group(backend, timeout=_TIMEOUT)
    return current()


def leave() -> None:
    """Leave the process group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def end_process(code: int) -> NoReturn:
    """End a process that was one of several, without shutting the interpreter down.

    Gloo's threads keep the tensors of the last exchange for a while. Releasing them while the interpreter shuts down
    aborts the process (pytorch/pytorch#179291), and the launcher then reports finished work as failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


_UNSUPPORTED = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism configuration",
}
_INSTEAD = {
    "ACCELERATE_MIXED_PRECISION": "the study's own `precision` decides",
    "ACCELERATE_DYNAMO_BACKEND": "nothing is compiled through accelerate",
}


def _check_settings(environment: Mapping[str, str]) -> None:
    """Refuse settings of accelerate that this package would ignore."""
    for name, title in _UNSUPPORTED.items():
        if environment.get(name, "false").lower() in ("true", "1"):
            raise UserError(f"accelerate's configuration requests {title}; choose MULTI_GPU or FSDP")
    for name, instead in _INSTEAD.items():
        if (value := environment.get(name, "no").lower()) != "no":
            setting = name.removeprefix("ACCELERATE_").lower()
            raise UserError(f'accelerate\'s configuration sets {setting}: {value}; set it to "no": {instead}')
    if environment.get("ACCELERATE_USE_CPU", "false").lower() == "true" and torch.cuda.is_available():
        raise UserError("accelerate's configuration sets use_cpu; hide the GPUs too, by CUDA_VISIBLE_DEVICES=''")


def _not_started(environment: Mapping[str, str]) -> bool:
    """Whether accelerate was to start several processes on CPUs and did not."""
    on_cpu = environment.get("ACCELERATE_USE_CPU", "false").lower() == "true"
    return on_cpu and bool(environment.get("MASTER_PORT")) and not environment.get("RANK")


def _own_gpu() -> int:
    rank, gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if rank >= gpus:
        raise UserError(f"process {rank} on this machine has no GPU: there are {gpus}; start as many processes")
    return rank


@contextmanager
def _exchange_errors() -> Iterator[None]:
    """Turn the errors of a failed exchange with other processes into a `ProcessLostError`."""
    try:
        yield
    except RuntimeError as error:
        cause = str(error).strip().splitlines()[0].partition(". ")[0]
        raise ProcessLostError(
            f"an exchange with the other processes of this run failed: one of them has ended, or memory is short "
            f"({cause}); run the same command again to resume from the last checkpoint"
        ) from error


def _buckets(parameters: Sequence[torch.nn.Parameter]) -> Iterator[list[torch.nn.Parameter]]:
    bucket: list[torch.nn.Parameter] = []
    for parameter in parameters:
        if bucket and sum(one.numel() for one in bucket) + parameter.numel() > _BUCKET:
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket


def _sum_bucket(bucket: Sequence[torch.nn.Parameter]) -> None:
    device = bucket[0].device
    present = torch.tensor([float(parameter.grad is not None) for parameter in bucket], device=device)
    parts = [
        torch.zeros(parameter.numel(), device=device) if parameter.grad is None else parameter.grad.float().flatten()
        for parameter in bucket
    ]
    summed = torch.cat([present, *parts])
    dist.all_reduce(summed)
    present, *sums = torch.split(summed, [len(bucket), *(parameter.numel() for parameter in bucket)])
    for parameter, has_gradient, gradient in zip(bucket, present.tolist(), sums, strict=True):
        if has_gradient:
            parameter.grad = gradient.view_as(parameter).to(parameter.dtype)
