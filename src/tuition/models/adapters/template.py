"""What a tuner puts on a model, read off once: names, shapes, first weights and the files of a saved adapter.

The tuner itself attaches an adapter, saves it, and takes it off. So a bank has the target layers, the order of weights
and the files that the single path has, whatever peft's version chooses.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import torch
from peft import PeftModel
from peft.tuners.ia3.layer import Linear as PeftIA3
from peft.tuners.lora.layer import Linear as PeftLoRA
from safetensors import safe_open
from torch import nn

from tuition.base.errors import UserError
from tuition.base.seeds import derive_seed
from tuition.models.tuners import Tuner
from tuition.models.tuners.ia3 import IA3
from tuition.models.tuners.lora import LoRA
from tuition.models.tuners.prompt import PromptTuning

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
_ALIGN = 16
"""Elements to whose multiple each weight begins in a slot, so that matrix products read aligned memory."""
_AROUND = "base_model.model."
_SOFT = "prompt_embeddings"


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight of an adapter: its name in a saved adapter, its shape there, and where it begins in a slot."""

    name: str
    shape: torch.Size
    start: int

    @property
    def stop(self) -> int:
        """The end of the weight in a slot."""
        return self.start + self.shape.numel()


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer that an adapter is put on: its path in the model, its weights by number, and its scale or side."""

    path: str
    weights: tuple[int, ...]
    scale: float = 1.0
    inputs: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """What one tuner puts on one model. `width` is the length of a slot; `files` are those other than the weights."""

    weights: tuple[Weight, ...]
    layers: tuple[Layer, ...]
    width: int
    dtype: torch.dtype
    files: Mapping[str, bytes]
    metadata: Mapping[str, str]
    fast: bool

    def check_folder(self, folder: Path) -> None:
        """Check that a saved adapter is of this kind and shape.

        Raises:
            UserError: it is not, or cannot be read.
        """
        try:
            found, own = orjson.loads((folder / CONFIG).read_bytes()), orjson.loads(self.files[CONFIG])
        except (OSError, orjson.JSONDecodeError) as error:
            raise UserError(f"{folder}: the adapter's configuration cannot be read ({error})") from error
        for key in ("peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "num_virtual_tokens"):
            if found.get(key) != own.get(key):
                raise UserError(f"{folder}: the adapter has {key} {found.get(key)}; this bank's is {own.get(key)}")


def read_template(model: nn.Module, tuner: Tuner) -> Template:
    """Attach a tuner to a model, read what it put there, and take it off again.

    Raises:
        UserError: the tuner cannot be attached, or its layers cannot be stacked.
    """
    with _attached(model, tuner, 0) as tuned, tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "adapter"
        tuner.save(tuned, folder)
        with safe_open(folder / WEIGHTS, "pt") as kept:
            shapes = {name: torch.Size(kept.get_slice(name).get_shape()) for name in kept.keys()}  # noqa: SIM118
            metadata = kept.metadata() or {}
        files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != WEIGHTS}
        weights, layers, width = _read(model, tuned, shapes)
        learning = [parameter.detach() for _, parameter in _learning(tuned)]
        dtypes = {weight.dtype for weight in learning}
        if len(dtypes) != 1:
            raise UserError(f"its adapter has weights of several types ({', '.join(sorted(map(str, dtypes)))})")
        emulated = drawn_like_peft(model, tuner, [weight.shape for weight in weights], 0)
        fast = emulated is not None and all(
            torch.equal(mine.to(its.dtype), its.cpu()) for mine, its in zip(emulated, learning, strict=True)
        )
    return Template(weights, layers, width, dtypes.pop(), files, metadata, fast)


def first_weights(model: nn.Module, tuner: Tuner, template: Template, seed: int) -> list[torch.Tensor]:
    """Return the weights that the tuner draws from `seed`, in the template's order; `model` must be unwrapped."""
    if template.fast:
        drawn = drawn_like_peft(model, tuner, [weight.shape for weight in template.weights], seed)
        if drawn is not None:
            return [weight.to(template.dtype) for weight in drawn]
    with _attached(model, tuner, seed) as tuned:
        return [parameter.detach().clone() for _, parameter in _learning(tuned)]


def drawn_like_peft(
    model: nn.Module, tuner: Tuner, shapes: Sequence[torch.Size], seed: int
) -> list[torch.Tensor] | None:
    """Return the weights that peft draws from `seed`, without attaching anything; None for tuners not known here.

    Attaching takes longer than training a small adapter on a GPU. Whoever calls this compares it with peft once. It
    draws from a generator of its own, so that several threads can draw at once.
    """
    if isinstance(tuner, IA3):
        return [torch.ones(shape) for shape in shapes]
    generator = torch.Generator().manual_seed(derive_seed("adapter", seed))
    if isinstance(tuner, LoRA):
        pairs = zip(shapes[::2], shapes[1::2], strict=True)
        return [weight for down, up in pairs for weight in _lora_pair(down, up, generator)]
    if isinstance(tuner, PromptTuning):
        return [_soft_prompt(model, shapes[0], generator)]
    return None


def _lora_pair(down: torch.Size, up: torch.Size, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    # peft makes two linear layers, which draw a start of their own; then it draws A again and clears B.
    first, second = torch.empty(down), torch.empty(up)
    for drawn in (first, second, first):
        nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
    return first, second.zero_()


def _soft_prompt(model: nn.Module, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    torch.empty(shape).normal_(generator=generator)  # the start of peft's embedding, which sampled tokens replace
    table: Any = model.get_input_embeddings()  # type: ignore[operator]
    sampled = torch.randint(0, table.num_embeddings, shape[:1], generator=generator)
    vectors: torch.Tensor = table(sampled.to(table.weight.device)).detach().float().cpu()
    return vectors


@contextmanager
def _attached(model: nn.Module, tuner: Tuner, seed: int) -> Iterator[nn.Module]:
    """Lend `model` with a fresh adapter on it, and put it back as it was: layers, other adapters, and who learns."""
    learned = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    training = model.training
    older = list(model.peft_config) if isinstance(model, PeftModel) else []
    tuned = tuner.attach(model, seed)
    try:
        yield tuned
    finally:
        if older:
            stacked: Any = tuned
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                stacked.delete_adapter(list(stacked.peft_config)[-1])
            stacked.base_model.set_adapter(older)
        else:
            tuner.detach(tuned)
        for parameter, learns in learned:
            parameter.requires_grad_(learns)
        model.train(training)


def _learning(tuned: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in tuned.named_parameters() if parameter.requires_grad]


def _read(
    model: nn.Module, tuned: nn.Module, shapes: Mapping[str, torch.Size]
) -> tuple[tuple[Weight, ...], tuple[Layer, ...], int]:
    around: Any = tuned
    adapter = list(around.peft_config)[-1]
    weights: list[Weight] = []
    layers: dict[str, list[int]] = {}
    at = 0
    for name, parameter in _learning(tuned):
        if name.startswith("prompt_encoder."):
            path, saved = "", _SOFT
        else:
            path = name.split(".lora_")[0].split(".ia3_l")[0]
            saved = name.replace(f".{adapter}", "", 1)
        if shapes.get(saved) != parameter.shape:
            raise UserError(f"peft saves the weight {name} under another name or shape than {saved}")
        layers.setdefault(path, []).append(len(weights))
        weights.append(Weight(saved, parameter.shape, at))
        at += -(-parameter.numel() // _ALIGN) * _ALIGN
    if len(weights) != len(shapes):
        raise UserError(f"peft saves {len(shapes)} weights of this adapter, of which {len(weights)} learn")
    uses = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))
    made = [
        _layer(tuned.get_submodule(path), adapter, path, numbers, uses, plain=tuned is not model)
        for path, numbers in layers.items()
        if path
    ]
    return tuple(weights), tuple(made), at


def _layer(layer: Any, adapter: str, path: str, numbers: Sequence[int], uses: Counter[int], *, plain: bool) -> Layer:
    inside = path.removeprefix(_AROUND) if plain else path
    if type(layer) not in (PeftLoRA, PeftIA3):
        raise UserError(f"the layer {inside} is a {type(layer).__name__} of peft, whose weights cannot be stacked")
    if uses[id(layer if not plain else layer.get_base_layer())] > 1:
        raise UserError(f"the layer {inside} is in several places of the model (tied layers)")
    if type(layer) is PeftIA3:
        return Layer(inside, tuple(numbers), inputs=layer.is_feedforward)
    if len(numbers) != 2 or adapter in layer.lora_variant:
        raise UserError(f"the layer {inside} has another kind of LoRA than two matrices")
    return Layer(inside, tuple(numbers), scale=layer.scaling[adapter])
