"""Several processes that learn one model together: they divide each batch, add up gradients and take the same steps.

A launcher (`accelerate launch`, `torchrun`) starts the processes and says by environment variables who they are. All of
them hold the same weights and draw the same batches; what one cannot go on with, all learn of where they next meet.
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

_PATIENCE = timedelta(hours=2)
"""How long one process waits for another, which may be writing a large model meanwhile."""
_BUCKET = 1 << 25
"""Elements of gradients (fp32) that are summed at once."""
_NUMBERS = 4
_GOING, _DONE, _FAILED = 0.0, 1.0, 2.0


class PeerFailedError(UserError):
    """Another process could not do its part, so that none can finish this step; all know it."""


class ProcessLostError(UserError):
    """Another process is gone or out of step, so that nothing more can be done together."""


@dataclass(frozen=True, slots=True)
class Group:
    """The processes that learn together; where there is one alone, its methods return what they are given.

    Where `sharding` is set, each process keeps only a part of the weights (FSDP).
    """

    rank: int = 0
    size: int = 1
    sharding: Sharding | None = None

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes and prints."""
        return self.rank == 0

    def meet(self, place: str, *numbers: float) -> list[tuple[float, ...]]:
        """Return each process's numbers, once all have come to this place.

        Raises:
            PeerFailedError: a process failed on its way here.
            ProcessLostError: a process is gone.
        """
        return [tuple(numbers)] if self.size == 1 else self._meet(_GOING, place, numbers)

    def finish(self) -> None:
        """Meet at the end of a step.

        Raises:
            PeerFailedError: another process failed in it.
            ProcessLostError: a process is gone.
        """
        if self.size > 1:
            self._meet(_DONE, "the end", ())

    def fail(self, reason: str) -> None:
        """Tell all others, where they meet next, that this process failed.

        Raises:
            ProcessLostError: a process is gone.
        """
        if self.size > 1:
            try:
                self._meet(_FAILED, reason, ())
            except PeerFailedError:
                return

    def any(self, flag: bool) -> bool:
        """Return whether any process says yes."""
        return any(said for (said,) in self.meet("any", float(flag)))

    def tell(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first process's message (JSON); what others give is not looked at."""
        return dict(message) if self.size == 1 else self._gathered("tell", message if self.first else {})[0]

    def gather(self, value: Any) -> list[Any]:
        """Return every process's value (JSON), in the order of their ranks."""
        return [value] if self.size == 1 else self._gathered("gather", value)

    def same(self, what: str, tensors: Iterable[torch.Tensor]) -> None:
        """Assert that all processes hold the same tensors, bit by bit; parts of sharded ones are left out.

        Raises:
            RuntimeError: they do not.
        """
        if self.size == 1:
            return
        digest = hashlib.sha256()
        for tensor in tensors:
            if not is_sharded(tensor):
                data: Any = tensor.detach().contiguous().cpu().flatten().view(torch.uint8).numpy()
                digest.update(memoryview(data))
        # Six bytes are whole numbers that a double holds exactly.
        told = self.meet(f"same {what}", float(int.from_bytes(digest.digest()[:6], "big")))
        if len(set(told)) != 1:
            others = [rank for rank, said in enumerate(told) if said != told[0]]
            raise RuntimeError(f"{what} of processes {others} are not those of process 0; nothing learnt so is right")

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Replace gradients by their sums over all processes, computed in fp32; sharded ones are summed already.

        A parameter without a gradient in one process counts as zero there; without one in any, it stays without.

        Raises:
            ProcessLostError: a process is gone, or this one cannot go on where the others wait for it.
        """
        if self.size > 1:
            with _heard():
                for bucket in _buckets([parameter for parameter in parameters if not is_sharded(parameter)]):
                    _sum_bucket(bucket)

    def reseed(self, seed: int, step: int) -> None:
        """Draw a step's random numbers (dropout) apart from other processes', the same after any interruption."""
        if self.size > 1:
            torch.manual_seed(derive_seed("training", seed, step, self.rank))

    def _meet(self, state: float, place: str, numbers: Sequence[float]) -> list[tuple[float, ...]]:
        # float64 holds a CRC, and any count, exactly.
        told = [state, zlib.crc32(place.encode()), *numbers, *[0.0] * (_NUMBERS - len(numbers))]
        mine = torch.tensor(told, dtype=torch.float64)
        met = [torch.empty_like(mine) for _ in range(self.size)]
        with _heard():
            dist.all_gather(met, mine)
        states = [float(row[0]) for row in met]
        if _FAILED in states:
            reasons = self._payloads(place.encode() if state == _FAILED else b"")
            at = states.index(_FAILED)
            raise PeerFailedError(f"process {at}: {reasons[at].decode()}")
        if len({(float(row[0]), float(row[1])) for row in met}) != 1:
            raise ProcessLostError(f"the processes are out of step at {place!r}; start the same command again")
        return [tuple(row[2 : 2 + len(numbers)].tolist()) for row in met]

    def _gathered(self, place: str, value: Any) -> list[Any]:
        self.meet(place)
        # json, not orjson, which makes null of an infinity: the log-probability of an option that cannot be.
        return [json.loads(data) for data in self._payloads(json.dumps(value).encode())]

    def _payloads(self, data: bytes) -> list[bytes]:
        """Return each process's bytes."""
        length = torch.tensor([len(data)])
        lengths = [torch.empty_like(length) for _ in range(self.size)]
        with _heard():
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
    """Join the processes that a launcher started beside this one; return `ALONE` where there are none.

    Gradients on GPUs go through NCCL, all else through Gloo.

    Raises:
        UserError: the launcher asks for what is not done here, or for more GPUs than there are.
    """
    if _one_of_none(os.environ):
        raise UserError(
            "accelerate starts several processes on CPUs (MULTI_CPU) through MPI alone, and has started one; use "
            "torchrun --nproc_per_node N, or distributed_type: MULTI_GPU, which starts them without GPUs too"
        )
    if not launched():
        return ALONE
    if not dist.is_available():
        raise UserError("this build of torch cannot run several processes together; install an ordinary one")
    _refuse(os.environ)
    read_sharding(os.environ)  # wrong settings are told before anything is loaded
    # transformers would leave the weights of all processes but one empty, for accelerate's own wrapping to fill.
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(_own_gpu())
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        with _heard():
            dist.init_process_group(backend, timeout=_PATIENCE)
    return current()


def leave() -> None:
    """Part from the other processes, if there are any."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def end_process(code: int) -> NoReturn:
    """End a process that was one of several, without taking the interpreter apart.

    Gloo's threads keep the tensors of the last exchange for a while. One that lets go of them while the interpreter is
    taken apart aborts the process (pytorch/pytorch#179291), and the launcher takes finished work for failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


_OTHERS = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism configuration",
}
_INSTEAD = {
    "ACCELERATE_MIXED_PRECISION": "the study's own `precision` decides",
    "ACCELERATE_DYNAMO_BACKEND": "nothing is compiled through accelerate",
}


def _refuse(environment: Mapping[str, str]) -> None:
    """Refuse what accelerate's configuration asks for and this package would not do."""
    for name, title in _OTHERS.items():
        if environment.get(name, "false").lower() in ("true", "1"):
            raise UserError(f"accelerate's configuration asks for {title}; choose MULTI_GPU or FSDP")
    for name, instead in _INSTEAD.items():
        if (asked := environment.get(name, "no").lower()) != "no":
            setting = name.removeprefix("ACCELERATE_").lower()
            raise UserError(f'accelerate\'s configuration says {setting}: {asked}; say "no" there: {instead}')
    if environment.get("ACCELERATE_USE_CPU", "false").lower() == "true" and torch.cuda.is_available():
        raise UserError("accelerate's configuration says use_cpu; hide the GPUs too, by CUDA_VISIBLE_DEVICES=''")


def _one_of_none(environment: Mapping[str, str]) -> bool:
    """Whether accelerate meant to start several processes on CPUs and did not."""
    on_cpu = environment.get("ACCELERATE_USE_CPU", "false").lower() == "true"
    return on_cpu and bool(environment.get("MASTER_PORT")) and not environment.get("RANK")


def _own_gpu() -> int:
    place, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if place >= there:
        raise UserError(f"process {place} on this machine has no GPU: there are {there}; start as many processes")
    return place


@contextmanager
def _heard() -> Iterator[None]:
    """Tell a failed exchange with other processes from all other errors."""
    try:
        yield
    except RuntimeError as error:
        cause = str(error).strip().splitlines()[0].partition(". ")[0]
        raise ProcessLostError(
            f"an exchange with the other processes of this run failed: one of them is gone, or memory short ({cause}); "
            "start the same command again, which goes on from what is kept"
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
    there, *sums = torch.split(summed, [len(bucket), *(parameter.numel() for parameter in bucket)])
    for parameter, learns, gradient in zip(bucket, there.tolist(), sums, strict=True):
        if learns:
            parameter.grad = gradient.view_as(parameter).to(parameter.dtype)
