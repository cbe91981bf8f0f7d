"""Similarity of token embeddings, as in BERTScore (Zhang et al., 2020), with any local embedding model.

`similarity_metric` is a pure function of token vectors; `local_embedder` computes them with a model from a local
folder. No weights are downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tuition.base.boundary import library_errors
from tuition.base.errors import UserError
from tuition.evaluation.metrics.metric import Metric, Profile, check_pairs

if TYPE_CHECKING:
    import numpy.typing as npt

Embedder = Callable[[Sequence[str]], "list[npt.NDArray[np.float32]]"]
"""Returns for each text the vectors of its tokens (tokens × dimensions); no rows for a text without tokens."""

_BATCH = 32
_MAX_TOKENS = 512


def similarity_metric(embed: Embedder) -> Metric:
    """Return the metric of an embedder.

    Each token of a prediction is matched with the most similar token of the reference (cosine), and vice versa.
    Precision and recall are the means of these cosines, and F their harmonic mean, without IDF weights and without
    rescaling. The best over the references counts. A text without tokens scores 0.0; negative results become 0.0.
    """

    def score_many(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        check_pairs(predictions, references)
        texts = list(dict.fromkeys([*predictions, *(text for accepted in references for text in accepted)]))
        vectors = {text: _directions(own) for text, own in zip(texts, embed(texts), strict=True)}
        return [
            max(_f_measure(vectors[prediction], vectors[reference]) for reference in accepted)
            for prediction, accepted in zip(predictions, references, strict=True)
        ]

    return Metric(
        name="similarity",
        title="Similarity",
        description=(
            "F-measure of the cosines of token vectors, each token matched with the most similar one of the other "
            "text; no IDF weights, no rescaling. The best over the references counts. Scores of different embedders "
            "are not comparable."
        ),
        score=lambda prediction, references: score_many([prediction], [references])[0],
        score_many=score_many,
        profile=Profile(
            tokenizer=f"the embedder's own, without special tokens, at most {_MAX_TOKENS}",
            normalisation="none",
            references="best",
            source="Zhang et al. 2020 (BERTScore), with the embedder's last layer",
        ),
    )


def _directions(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    norms[norms == 0] = 1
    directions: npt.NDArray[np.float32] = np.divide(vectors, norms)
    return directions


def _f_measure(prediction: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> float:
    if not len(prediction) or not len(reference):
        return 0.0
    cosines = prediction @ reference.T
    precision, recall = float(cosines.max(axis=1).mean()), float(cosines.max(axis=0).mean())
    if precision <= 0 or recall <= 0:
        return 0.0
    return min(1.0, 2 * precision * recall / (precision + recall))


def local_embedder(folder: Path) -> Embedder:
    """Return the embedder of a local model folder: any encoder or causal model that transformers supports.

    Raises:
        UserError: there is no such folder, or no model with a tokenizer in it.
    """
    import torch
    import transformers

    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name a local folder with a model and its tokenizer as embedder")
    with library_errors(f"{folder}: contains no model that can embed text"):
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        model: Any = transformers.AutoModel.from_pretrained(str(folder), local_files_only=True, use_safetensors=True)
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    model.eval()
    max_length = min(_MAX_TOKENS, getattr(model.config, "max_position_embeddings", None) or _MAX_TOKENS)

    def embed(texts: Sequence[str]) -> list[npt.NDArray[np.float32]]:
        encoded = [
            tokenizer(text, truncation=True, max_length=max_length, return_special_tokens_mask=True) for text in texts
        ]
        order = sorted(range(len(texts)), key=lambda at: len(encoded[at]["input_ids"]))
        found: list[npt.NDArray[np.float32]] = [np.empty((0, 1), dtype=np.float32)] * len(texts)
        non_empty = [at for at in order if encoded[at]["input_ids"]]
        for start in range(0, len(non_empty), _BATCH):
            batch = non_empty[start : start + _BATCH]
            width = max(len(encoded[at]["input_ids"]) for at in batch)
            ids = torch.zeros((len(batch), width), dtype=torch.long)
            mask = torch.zeros((len(batch), width), dtype=torch.long)
            for row, at in enumerate(batch):
                own = encoded[at]["input_ids"]
                ids[row, : len(own)] = torch.tensor(own)
                mask[row, : len(own)] = 1
            with torch.inference_mode():
                states = model(input_ids=ids, attention_mask=mask).last_hidden_state.float().numpy()
            for row, at in enumerate(batch):
                kept = np.array(encoded[at]["special_tokens_mask"]) == 0
                found[at] = states[row, : len(kept)][kept]
        return found

    return embed
