"""Loading: any Hugging Face language model by hub id, folder, GGUF file or embedded alias; never remote code."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError, clip
from tuition.base.fingerprints import file_sha256, fingerprint
from tuition.base.hub import is_offline, is_reachable
from tuition.models.cache import model_folder
from tuition.models.config_check import require_plausible_sizes, require_readable_config
from tuition.models.embedded import EMBEDDED, ensure_converted, ensure_embedded, require_gguf
from tuition.models.tokens import PromptTokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Say = Callable[[str], None]
FOUR_BIT = "nf4"
"""The precision with frozen weights in four bits."""

_WEIGHT_FILES = ("*.safetensors", "*.json", "*.model", "*.txt", "*.jinja")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready for training or inference, with the tokenizer that turns prompts into its tokens."""

    name: str
    model: PreTrainedModel
    tokens: PromptTokenizer

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def encoder_decoder(self) -> bool:
        """Whether the model is an encoder-decoder."""
        return bool(getattr(self.model.config, "is_encoder_decoder", False))

    @property
    def context(self) -> int:
        """The longest sequence that the model supports, in tokens; 0 where it has no limit (relative positions)."""
        config = self.model.config
        if self.encoder_decoder and hasattr(config, "relative_attention_num_buckets"):
            return 0
        return int(getattr(config, "max_position_embeddings", 0) or getattr(config, "n_positions", 0))


def model_path(name: str, *, say: Say = lambda text: None) -> str:
    """Return what transformers loads for `name`: the folder of an embedded alias or of a local path, or a hub id.

    Raises:
        UserError: a path that is not a model folder, or an embedded model that could not be fetched.
    """
    require_local_model(name)
    if name in EMBEDDED:
        return str(ensure_embedded(name, say=say))
    folder = Path(name).expanduser()
    if name.endswith(".gguf"):
        return str(ensure_converted(folder, say=say))
    if folder.is_dir():
        return str(folder)
    return name if is_reachable() else str(_cached_folder(name))


def require_local_model(name: str) -> None:
    """Check that a name that is a path is a model's; nothing is fetched or read.

    Raises:
        UserError: there is no such file or folder, or the folder is not a model's.
    """
    path = Path(name).expanduser()
    if name in EMBEDDED:
        return
    if name.endswith(".gguf"):
        require_gguf(path)
    elif path.is_dir() and not (path / "config.json").is_file():
        raise UserError(f"{path}: has no config.json; a model folder is what save_pretrained writes")
    elif not path.is_dir() and (path.is_absolute() or name.startswith((".", "~"))):
        raise UserError(
            f"{name}: no such folder; give a model folder, a .gguf file, a hub id, or one of: {', '.join(EMBEDDED)}"
        )


def model_identity(name: str, *, say: Say = lambda text: None) -> str:
    """Return a fingerprint of the model's weights and tokenizer, which identifies results made with it.

    Embedded models are identified by their checksum, local folders by their files' hashes, hub ids by their commit.

    Raises:
        UserError: there is no such model, or a hub id and neither network nor cached copy.
    """
    if name in EMBEDDED:
        return f"{name}@{EMBEDDED[name].sha256}"
    path = model_path(name, say=say)
    if not Path(path).is_dir():
        return f"{name}@{_hub_commit(name)}"
    if _is_snapshot(Path(path)):
        return f"{name}@{Path(path).name}"
    files = sorted({file for pattern in _WEIGHT_FILES for file in Path(path).glob(pattern)})
    with library_errors(f"the model {name!r} cannot be read"):
        return f"folder@{fingerprint([(file.name, file_sha256(file)) for file in files])}"


def load_model(name: str, *, precision: str = "auto", say: Say = lambda text: None) -> LoadedModel:
    """Load a language model, causal or encoder-decoder, and its tokenizer onto the best device available.

    Args:
        name: an embedded alias, a local folder, a GGUF file, or a hub id.
        precision: `float32`, `bfloat16`, `auto` (bfloat16 where the device supports it), or `nf4` (frozen weights in
            four bits).
        say: called with a line for each thing that is done.

    Raises:
        UserError: the model cannot be found, is not a language model, has no end token, or its tokenizer has more
            tokens than the model has embeddings; or four bits are requested and bitsandbytes is not installed.
    """
    path = model_path(name, say=say)
    import torch
    import transformers

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    level = logging.getLogger("transformers").level
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        config = _config(name, path)
        tokens = load_tokens(name, say=say)
        # Mismatches visible in the configuration are refused before any weight is read.
        _refuse_mismatch(name, config.get_text_config().vocab_size, tokens.tokenizer)
        pairs = bool(getattr(config, "is_encoder_decoder", False))
        kind = transformers.AutoModelForSeq2SeqLM if pairs else transformers.AutoModelForCausalLM
        weights = _weights(resolve_precision(precision), device)
        with library_errors(f"the model {name!r} cannot be loaded"):
            model, loading = kind.from_pretrained(
                path, **weights, trust_remote_code=False, use_safetensors=True, output_loading_info=True
            )
    finally:
        logging.getLogger("transformers").setLevel(level)
    if missing := sorted(loading["missing_keys"]):
        raise UserError(
            f"the model {name!r} lacks {len(missing)} of the weights that a language model has ({clip(missing[0])}); "
            "they would be random: give a model that was trained to generate text"
        )
    _refuse_mismatch(name, int(model.get_input_embeddings().weight.shape[0]), tokens.tokenizer)
    if precision == FOUR_BIT:
        _keep_as_packed(model)
    else:
        model = model.to(device)
    return LoadedModel(name, model.eval(), tokens)


def model_shape(name: str) -> Callable[[], PreTrainedModel] | None:
    """Return a function that builds the model without weights, to count its parameters; None where it must be fetched.

    Raises:
        UserError: there is no such model, or transformers does not know its architecture.
    """
    if name in EMBEDDED and not model_folder(name).is_dir():
        return None
    config = _config(name, model_path(name))
    import torch
    import transformers

    pairs = bool(getattr(config, "is_encoder_decoder", False))
    kind = transformers.AutoModelForSeq2SeqLM if pairs else transformers.AutoModelForCausalLM

    def make() -> PreTrainedModel:
        with torch.device("meta"), library_errors(f"the model {name!r} cannot be built"):
            model: PreTrainedModel = kind.from_config(config)
            return model

    return make


def load_tokens(name: str, *, say: Say = lambda text: None) -> PromptTokenizer:
    """Load only the tokenizer of a model.

    Raises:
        UserError: it cannot be found or has no end token.
    """
    path = model_path(name, say=say)
    config = _config(name, path)
    import transformers

    with library_errors(f"the tokenizer of {name!r} cannot be loaded", "its files belong in the model's folder"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        tokens = PromptTokenizer(tokenizer)
        return tokens.for_encoder() if getattr(config, "is_encoder_decoder", False) else tokens


def resolve_precision(precision: str) -> str:
    """Return the precision to use on this machine: a torch type's name, or `nf4`.

    Raises:
        UserError: `precision` is not one of auto, float32, bfloat16, nf4.
    """
    if precision not in ("auto", "float32", "bfloat16", FOUR_BIT):
        raise UserError(f"precision {precision!r} is not known; use auto, float32, bfloat16 or {FOUR_BIT}")
    if precision != "auto":
        return precision
    import torch

    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "float32"


def _weights(precision: str, device: torch.device) -> dict[str, Any]:
    """Return the arguments of `from_pretrained` for this precision.

    Four-bit weights are those of QLoRA (Dettmers et al. 2023, section 3): NormalFloat-4 with doubly quantised
    constants, computed in bfloat16 where the device supports it. Embeddings and norms have that type too.
    """
    import torch

    if precision != FOUR_BIT:
        return {"dtype": getattr(torch, precision)}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("four-bit weights need the package bitsandbytes: pip install 'tuition[4bit]'")
    import transformers

    dtype = getattr(torch, resolve_precision("auto"))
    config = transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=FOUR_BIT, bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    return {"dtype": dtype, "quantization_config": config, "device_map": {"": device}}


def _keep_as_packed(model: PreTrainedModel) -> None:
    """Stop bitsandbytes from repacking weights on bfloat16 CPUs before inference: that rounds their constants again."""
    for part in model.modules():
        if hasattr(part, "support_avx512bf16_for_cpu"):
            part.support_avx512bf16_for_cpu = False


_NO_TEXT = (
    "ForMaskedLM",
    "Classification",
    "QuestionAnswering",
    "MultipleChoice",
    "ForPreTraining",
    "EncoderModel",
)
"""Endings of the names of classes that do not generate text, even where their architecture could."""


def _config(name: str, path: str) -> Any:
    """Return a model's configuration.

    Raises:
        UserError: it cannot be read, or the model does not generate text.
    """
    import transformers

    with library_errors(f"the configuration of the model {name!r} cannot be read"):
        require_readable_config(Path(path))
        config = transformers.AutoConfig.from_pretrained(path, trust_remote_code=False)
    kinds = [str(kind) for kind in config.architectures or []]
    auto = transformers.models.auto.modeling_auto
    text_kinds = (
        auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.keys() | auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.keys()
    )
    if (kinds and all(kind.endswith(_NO_TEXT) for kind in kinds)) or config.model_type not in text_kinds:
        found = ", ".join(kinds) or config.model_type
        raise UserError(
            f"the model {name!r} is a {clip(found)}, which does not generate text; give a causal language model "
            "(Llama, Qwen, GPT-2) or an encoder-decoder (T5, BART)"
        )
    require_plausible_sizes(config, Path(path))
    return config


def _refuse_mismatch(name: str, embeddings: int, tokenizer: PreTrainedTokenizerBase) -> None:
    if len(tokenizer) > embeddings:
        raise UserError(
            f"the model {name!r} has {embeddings} embeddings and its tokenizer {len(tokenizer)} tokens; "
            "use the tokenizer that belongs to the model, or resize its embeddings first"
        )


def _is_snapshot(folder: Path) -> bool:
    """Whether a folder is one commit of a model in the hub's cache: `…/snapshots/<commit>`."""
    return folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--")


def _cached_folder(hub_id: str) -> Path:
    """Return the folder of a hub model that is in the hub's cache.

    Raises:
        UserError: it is not there, and would have to be fetched.
    """
    from huggingface_hub import try_to_load_from_cache

    with library_errors(f"the model {hub_id!r} cannot be found", "give a hub id such as owner/name, or a folder"):
        config = try_to_load_from_cache(hub_id, "config.json")
    if not isinstance(config, str):
        how = "HF_HUB_OFFLINE forbids fetching it" if is_offline() else "the model hub cannot be reached from here"
        raise UserError(
            f"the model {hub_id!r} is neither a folder nor in the cache, and {how}; give a model folder, one of "
            f"{', '.join(EMBEDDED)}, or fetch it where there is a network"
        )
    return Path(config).parent


def _hub_commit(hub_id: str) -> str:
    from transformers.utils.hub import cached_file

    with library_errors(f"the model {hub_id!r} cannot be found"):
        config = cached_file(hub_id, "config.json")
    # …/snapshots/<commit>/config.json: the hub's cache has one folder per commit.
    return Path(str(config)).parent.name
