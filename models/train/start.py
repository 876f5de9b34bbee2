"""The model that training begins with: an ALBERT made from a BERT encoder of 384 channels.

    python start.py --encoder <folder> --data <folder of prepare.py> --out <folder> [--embedding 128] [--groups 6]

The encoder's folder holds config.json and model.safetensors of a `BertForMaskedLM` or `BertModel`. Its layers become the
groups, each group from one layer. Two fits follow:

1. the embeddings of E channels and the projection to H, against the encoder's own embedding output, without any layer;
2. the masked-LM head, with everything else as it is, on masked text.

<out> then holds a checkpoint of `AlbertForPreTraining` in float32.
"""

import argparse
import json
import math
import os
import shutil
import time
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F
from transformers import AlbertConfig, AlbertForPreTraining

from data import Corpus
from forward import hidden_states, word_logits
from vocabulary import read_vocabulary

LAYER = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.dense",
    "attention.output.LayerNorm": "attention.LayerNorm",
    "intermediate.dense": "ffn",
    "output.dense": "ffn_output",
    "output.LayerNorm": "full_layer_layer_norm",
}


def read_encoder(folder: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """Its config, and its tensors in float32 by their names in `BertModel` (those of the head by theirs)."""
    try:
        config = json.loads((folder / "config.json").read_text())
        tensors = safetensors.torch.load_file(folder / "model.safetensors")
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise SystemExit(f"{folder} does not hold an encoder that can be read ({error}).") from None
    if config.get("model_type") != "bert":
        raise SystemExit(f"{folder / 'config.json'} is of the type {config.get('model_type')!r}; training begins with a 'bert'.")
    return config, {name.removeprefix("bert."): t.float() for name, t in tensors.items()}


def albert(encoder: dict, embedding: int, groups: int, layers: int) -> AlbertForPreTraining:
    return AlbertForPreTraining(
        AlbertConfig(
            vocab_size=encoder["vocab_size"],
            embedding_size=embedding,
            hidden_size=encoder["hidden_size"],
            num_hidden_layers=layers,
            num_hidden_groups=groups,
            num_attention_heads=encoder["num_attention_heads"],
            intermediate_size=encoder["intermediate_size"],
            max_position_embeddings=encoder["max_position_embeddings"],
            hidden_act=encoder["hidden_act"],
            layer_norm_eps=encoder["layer_norm_eps"],
            hidden_dropout_prob=0,
            attention_probs_dropout_prob=0,
            classifier_dropout_prob=0,
            pad_token_id=encoder["pad_token_id"],
            bos_token_id=None,
            eos_token_id=None,
        )
    )


@torch.no_grad()
def copy_layers(model: AlbertForPreTraining, encoder: dict[str, torch.Tensor], sources: list[int]) -> None:
    """Group g becomes layer sources[g] of the encoder."""
    for group, source in zip(model.albert.encoder.albert_layer_groups, sources, strict=True):
        [layer] = group.albert_layers
        for theirs, ours in LAYER.items():
            part = layer.get_submodule(ours)
            part.weight.copy_(encoder[f"encoder.layer.{source}.{theirs}.weight"])
            part.bias.copy_(encoder[f"encoder.layer.{source}.{theirs}.bias"])


def fit_embeddings(model: AlbertForPreTraining, encoder: dict[str, torch.Tensor], counts: np.ndarray, seconds: float) -> float:
    """Embeddings and projection by regression on what the encoder's embeddings give for (word, position, segment), words
    drawn by the square root of how often they occur. Begins with principal components. Returns the share of the variance
    that is explained."""
    ours, projection = model.albert.embeddings, model.albert.encoder.embedding_hidden_mapping_in
    words, places, types = (encoder[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type"))
    gain, bias = encoder["embeddings.LayerNorm.weight"], encoder["embeddings.LayerNorm.bias"]
    width = model.config.embedding_size
    probability = torch.from_numpy(np.sqrt(counts + 1.0)).float()
    probability /= probability.sum()

    with torch.no_grad():
        rows = words + types[0]
        centre = probability @ rows
        covariance = ((rows - centre) * probability[:, None]).T @ (rows - centre) + torch.cov(places[:128].T)
        basis = torch.linalg.eigh(covariance).eigenvectors[:, -width:]  # (H, E)
        scale = 1 / math.sqrt((((rows - centre) @ basis) ** 2).sum(1).mean() / width)
        ours.word_embeddings.weight.copy_(scale * (words + types[0] - centre) @ basis)
        ours.position_embeddings.weight.copy_(scale * places @ basis)
        ours.token_type_embeddings.weight.copy_(scale * (types - types[0]) @ basis)
        projection.weight.copy_(gain[:, None] * basis)
        projection.bias.copy_(bias)

    fitted = [*ours.parameters(), *projection.parameters()]
    optimizer = torch.optim.AdamW(fitted, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    generator = torch.Generator().manual_seed(0)
    pieces, length, rows = len(words), model.config.max_position_embeddings, 4096
    start, explained = time.monotonic(), []
    while (progress := (time.monotonic() - start) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - progress)
        word = torch.multinomial(probability, rows, replacement=True, generator=generator)
        short = torch.rand(rows, generator=generator) < 0.8
        place = (torch.rand(rows, generator=generator) * torch.where(short, 128, length)).long()
        kind = (torch.rand(rows, generator=generator) < 0.3).long()
        with torch.no_grad():
            wanted = F.layer_norm(words[word] + places[place] + types[kind], gain.shape, gain, bias, 1e-12)
        given = ours.word_embeddings(word) + ours.position_embeddings(place) + ours.token_type_embeddings(kind)
        error = F.mse_loss(projection(ours.LayerNorm(given)), wanted)
        optimizer.zero_grad(set_to_none=True)
        error.backward()
        optimizer.step()
        explained.append(1 - error.item() / wanted.var(0).mean().item())
    with torch.no_grad():
        # The layer-norm takes any scale out. The decoder has the same table, and there rows of about this norm are wanted.
        norm = (probability * ours.word_embeddings.weight.norm(dim=1)).sum()
        for table in (ours.word_embeddings, ours.position_embeddings, ours.token_type_embeddings):
            table.weight.div_(norm)
    return float(np.mean(explained[-20:]))


@torch.no_grad()
def start_pooler(model: AlbertForPreTraining, corpus: Corpus) -> None:
    """Scaled so that what goes into its tanh has a variance of one. An encoder made for sentence embeddings has small
    hidden states (a norm of 0.6 where BERT's is 15): under a pooler of the usual size sentence order is never learned."""
    batch = corpus.draw(np.random.default_rng(0), 2048)
    rows, length = batch.input_ids.shape
    ids, types = torch.from_numpy(batch.input_ids), torch.from_numpy(batch.token_type_ids)
    first = hidden_states(model, ids, types, torch.arange(rows) * length, torch.float32)
    nn.init.orthogonal_(model.albert.pooler.weight)
    model.albert.pooler.weight.div_(first.pow(2).mean().sqrt())


def fit_head(model: AlbertForPreTraining, corpus: Corpus, seconds: float, dtype: torch.dtype) -> float:
    """The masked-LM head alone, on masked text. Returns the loss of the last batches."""
    head = model.predictions
    with torch.no_grad():
        nn.init.orthogonal_(head.dense.weight)
        head.dense.bias.zero_()
    fitted = [*head.dense.parameters(), *head.LayerNorm.parameters(), head.bias]
    optimizer = torch.optim.AdamW(fitted, lr=4e-3, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    start, losses = time.monotonic(), []
    while (progress := (time.monotonic() - start) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * (1 - progress)
        batch = corpus.draw(np.random.default_rng([0, len(losses)]), 2048)
        with torch.no_grad():
            given = (torch.from_numpy(a) for a in (batch.input_ids, batch.token_type_ids, batch.positions))
            hidden = hidden_states(model, *given, dtype)
        loss = F.cross_entropy(word_logits(model, hidden).float(), torch.from_numpy(batch.labels))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) % 20 == 0:
            print(f"head: step {len(losses)}, loss {np.mean(losses[-20:]):.3f}", flush=True)
    return float(np.mean(losses[-20:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--embedding", type=int, default=128)
    parser.add_argument("--groups", type=int, default=6)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--embedding-seconds", type=float, default=60)
    parser.add_argument("--head-seconds", type=float, default=90)
    parser.add_argument("--float32", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

    config, encoder = read_encoder(options.encoder)
    vocabulary = read_vocabulary(options.data / "tokenizer.json")
    if vocabulary.size != config["vocab_size"]:
        raise SystemExit(f"{options.encoder} has {config['vocab_size']:,} pieces, {options.data}'s shards {vocabulary.size:,}.")
    shards = sorted(p for p in options.data.glob("*.npz") if p.stem != "valid")
    corpus = Corpus(shards, vocabulary)
    counts = np.bincount(corpus.ids, minlength=vocabulary.size).astype(float)

    model = albert(config, options.embedding, options.groups, options.layers)
    depth = config["num_hidden_layers"]
    copy_layers(model, encoder, [g * depth // options.groups for g in range(options.groups)])
    with torch.no_grad():
        model.predictions.bias.copy_(torch.from_numpy(np.log((counts + 0.5) / (counts + 0.5).sum())))
    model.tie_weights()
    explained = fit_embeddings(model, encoder, counts, options.embedding_seconds)
    print(f"embeddings: {explained:.1%} of the variance of the encoder's", flush=True)
    start_pooler(model, corpus)
    loss = fit_head(model, corpus, options.head_seconds, torch.float32 if options.float32 else torch.bfloat16)
    print(f"head: loss {loss:.3f}", flush=True)
    model.save_pretrained(options.out)
    shutil.copyfile(options.data / "tokenizer.json", options.out / "tokenizer.json")


if __name__ == "__main__":
    main()
