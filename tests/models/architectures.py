"""Tiny random models of several architectures, for proofs of equality in fp32."""

from __future__ import annotations

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    Qwen2Config,
)

VOCABULARY = 97
_SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
CONFIGS = {
    "llama": LlamaConfig(**_SMALL, num_key_value_heads=2),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=3,
        n_head=4,
        n_positions=128,
        attn_pdrop=0,
        embd_pdrop=0,
        resid_pdrop=0,
    ),
    "qwen2": Qwen2Config(**_SMALL, num_key_value_heads=2),
    # Windows narrower than the prefix, so that sliding attention is put to the test.
    "gemma3": Gemma3TextConfig(**_SMALL, num_key_value_heads=1, head_dim=8, sliding_window=7),
    "mistral": MistralConfig(**_SMALL, num_key_value_heads=2, sliding_window=7),
    "neox": GPTNeoXConfig(**_SMALL),
    "opt": OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        word_embed_proj_dim=32,
        ffn_dim=40,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=128,
        dropout=0.0,
    ),
}


def build(name: str) -> torch.nn.Module:
    """A random fp32 model of that architecture, the same in every call."""
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(CONFIGS[name], dtype=torch.float32)
    for parameter in model.parameters():
        # Larger than the usual start, so that attention is far from uniform and a wrong mask would show.
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model
