"""Trains an ALBERT (Lan et al. 2020) from scratch within a given time, on CPUs or a GPU.

    python train.py --data <folder of prepare.py> --out <folder> --minutes 60 [geometry …]

Objectives: masked-LM at the masked positions only, and sentence-order prediction. Matrices of the encoder are trained
with Muon (Jordan et al. 2024), the rest with AdamW; the learning rate rises and falls once over the time given. The
last tenth of the time is spent on sequences of up to the full number of positions. Stopped, it continues from its last checkpoint when it
is started again with the same arguments. At the end <out>/model holds config.json, model.safetensors (F16) and tokenizer.json.
"""

import argparse
import json
import math
import os
import pickle
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import tokenizers
import torch
import transformers
from torch import nn
from torch.nn import functional as F

from data import Batch, Batches, Corpus
from muon import Muon
from prepare import PAD, SPECIAL

WARM_UP = 0.03  # share of the time
LONG_FROM = 0.9  # share of the time after which sequences have up to the full length
SHORT = range(32, 129, 8)  # tokens of a pair before that
PLACE = 32  # channels of the embeddings that are for positions to begin with
# To begin with, where each head looks (tokens from its own place) and how closely; further heads begin at random.
HEADS = ((-1, 3.0), (1, 3.0), (0, 0.5), (0, 0.0))
AVERAGE_FROM = 0.9  # share of the time after which checkpoints are averaged
AVERAGE_EVERY = 0.005


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--positions", type=int, default=512)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--muon-lr", type=float, default=0.01)
    parser.add_argument("--adam-lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--report-seconds", type=float, default=60)
    parser.add_argument("--save-seconds", type=float, default=300)
    parser.add_argument("--compile", action="store_true", help="torch.compile: pays on a GPU and for long runs")
    parser.add_argument("--workers", type=int, help="processes that draw batches; without it none on a CPU, 8 for a GPU")
    options = parser.parse_args()
    if options.positions < max(SHORT):
        parser.error(f"--positions must be at least {max(SHORT)}, the longest of the short sequences")
    return options


def build_model(options: argparse.Namespace) -> transformers.AlbertForPreTraining:
    with np.load(options.data / "embeddings.npz") as first:
        embeddings, log_unigram = first["embeddings"], first["log_unigram"]
    config = transformers.AlbertConfig(
        vocab_size=len(embeddings),
        embedding_size=embeddings.shape[1],
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        intermediate_size=4 * options.hidden,
        max_position_embeddings=options.positions,
        hidden_act="gelu_new",
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0,
        classifier_dropout_prob=0,
        pad_token_id=PAD,
        bos_token_id=SPECIAL.index("[CLS]"),
        eos_token_id=SPECIAL.index("[SEP]"),
    )
    model = transformers.AlbertForPreTraining(config)
    fused = nn.GELU(approximate="tanh")  # gelu_new by its fused name
    model.predictions.activation = fused
    for group in model.albert.encoder.albert_layer_groups:
        for layer in group.albert_layers:
            layer.activation = fused
    with torch.no_grad():
        begin(model, torch.from_numpy(embeddings), torch.from_numpy(log_unigram))
    model.tie_weights()
    return model


def begin(model: transformers.AlbertForPreTraining, words: torch.Tensor, log_unigram: torch.Tensor) -> None:
    """Weights that are a crude model before the first step: a mask is told the words before and after it and those around
    it, and answers with what keeps their company. From random weights most of a short run goes by until attention finds
    the neighbours, since that is of no use before their words are, and the other way round.

    The first E − PLACE channels of an embedding are for words, the others for places, as sines and cosines (Vaswani et al.
    2017): there, one rotation leads from each place to its neighbour.
    """
    config = model.config
    width, size = config.embedding_size, config.hidden_size // config.num_attention_heads
    embeddings = model.albert.embeddings
    embeddings.word_embeddings.weight.zero_()
    embeddings.word_embeddings.weight[:, :-PLACE] = 0.5 * F.normalize(words[:, :-PLACE], dim=1)
    embeddings.token_type_embeddings.weight.zero_()
    longest, shortest = config.max_position_embeddings, 4  # wave lengths, in tokens
    speeds = 2 * math.pi / torch.logspace(math.log2(shortest), math.log2(longest), PLACE // 2, base=2)
    angles = torch.arange(longest)[:, None] * speeds
    embeddings.position_embeddings.weight.zero_()
    embeddings.position_embeddings.weight[:, -PLACE:] = 0.5 * torch.cat([angles.sin(), angles.cos()], 1) * (2 / PLACE) ** 0.5

    into = model.albert.encoder.embedding_hidden_mapping_in.weight  # (H, E)
    nn.init.orthogonal_(into)
    [layer] = model.albert.encoder.albert_layer_groups[0].albert_layers
    attention = layer.attention
    for head, (offset, sharpness) in enumerate(HEADS[: config.num_attention_heads]):
        own = slice(head * size, (head + 1) * size)
        sine, cosine = torch.diag(torch.sin(offset * speeds)), torch.diag(torch.cos(offset * speeds))
        rotation = torch.cat([torch.cat([cosine, sine], 1), torch.cat([-sine, cosine], 1)])
        attention.query.weight[own][:PLACE] += sharpness * rotation @ into[:, -PLACE:].T
        attention.key.weight[own][:PLACE] += into[:, -PLACE:].T
        # Each head hands on as many of the channels of words as it has room for.
        channels = torch.arange(min(size, width - PLACE)) + (0 if head % 2 == 0 else max(0, width - PLACE - size))
        attention.value.weight[own][: len(channels)] += into[:, channels].T
        attention.dense.weight[:, own][:, : len(channels)] += 0.7 * into[:, channels]
    # Small enough for GELU to be nearly linear; the layer-norm after it makes up for it.
    model.predictions.dense.weight.copy_(0.1 * into.T)
    model.predictions.bias.copy_(log_unigram)


def optimizers(model: nn.Module, options: argparse.Namespace) -> list[torch.optim.Optimizer]:
    matrices, rest = [], []
    for name, parameter in model.named_parameters():
        hidden = parameter.ndim == 2 and "embeddings" not in name and "classifier" not in name
        (matrices if hidden else rest).append(parameter)
    decayed = [p for p in rest if p.ndim == 2]
    plain = [p for p in rest if p.ndim != 2]
    adam = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
        lr=options.adam_lr,
        betas=(0.9, 0.98),
    )
    muon = Muon(matrices, lr=options.muon_lr, weight_decay=0.01, momentum=0.95)
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


def rate(progress: float) -> float:
    """One cycle: up over WARM_UP, along a cosine to a quarter of the peak, which leaves enough to learn from the long
    sequences, and over those down to 2 %."""
    if progress < WARM_UP:
        return (progress + 0.001) / (WARM_UP + 0.001)
    if progress < LONG_FROM:
        return 0.25 + 0.75 * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (LONG_FROM - WARM_UP)))
    return 0.02 + 0.23 * max(0, (1 - progress) / (1 - LONG_FROM))


def losses(model: nn.Module, batch: Batch, device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Masked-LM loss, sentence-order loss (zero for single sentences) and number of right first choices."""
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        hidden, pooled = model.albert(batch.input_ids, token_type_ids=batch.token_type_ids)[:2]
        logits = model.predictions(hidden.reshape(-1, hidden.shape[-1])[batch.positions])
        order = model.sop_classifier(pooled)
    mlm = F.cross_entropy(logits.float(), batch.labels)
    sop = mlm.new_zeros(()) if batch.order is None else F.cross_entropy(order.float(), batch.order)
    return mlm, sop, (logits.argmax(-1) == batch.labels).sum()


def to(batch: Batch, device: str) -> Batch:
    return Batch(*(None if a is None else torch.as_tensor(a).to(device, non_blocking=True) for a in batch))


@torch.no_grad()
def evaluate(model: nn.Module, held_out: list[Batch], characters: torch.Tensor, device: str) -> dict[str, float]:
    """Over all masks of the batches: loss in nats, bits per character (`characters` of each piece) and accuracy."""
    total = right = count = written = 0.0
    for batch in held_out:
        batch = to(batch, device)
        mlm, _, correct = losses(model, batch, device)
        total += mlm.item() * len(batch.labels)
        written += characters[batch.labels.cpu()].sum().item()
        right += correct.item()
        count += len(batch.labels)
    return {"loss": total / count, "bits_per_character": total / math.log(2) / written, "accuracy": right / count}


def shown(figures: dict[str, float]) -> str:
    return "loss {loss:.3f} bits/character {bits_per_character:.3f} accuracy {accuracy:.2%}".format(**figures)


def replace(path: Path, write) -> None:
    """Writes beside the file and renames, so that a full disk or a kill leaves the last good one."""
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        os.replace(part, path)
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise SystemExit(
            f"{path} cannot be written ({error}). Make room and start again with the same arguments: "
            "the run continues from the last checkpoint that was."
        ) from None


def read_checkpoint(path: Path, device: str) -> dict:
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise SystemExit(f"{path} is damaged ({error}). Delete it to start anew, or use another --out.") from None


def load(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])


def export(model: nn.Module, options: argparse.Namespace, run: dict) -> None:
    folder = options.out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    state = {n: p.detach().to("cpu", torch.float16).contiguous() for n, p in model.named_parameters()}
    replace(folder / "model.safetensors", lambda p: safetensors.torch.save_file(state, p, {"format": "pt"}))
    config = model.config.to_dict() | {"architectures": ["AlbertForPreTraining"], "dtype": "float16"}
    replace(folder / "config.json", lambda p: p.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n"))
    replace(folder / "tokenizer.json", lambda p: shutil.copyfile(options.data / "tokenizer.json", p))
    replace(folder / "training.json", lambda p: p.write_text(json.dumps(run, indent=2) + "\n"))


@dataclass
class Data:
    corpus: Corpus
    shards: list[str]
    held_out: list[Batch]
    held_out_long: list[Batch]
    characters: torch.Tensor
    """(pieces,) how many characters each has"""


def read_data(folder: Path, positions: int) -> Data:
    for name in ("tokenizer.json", "embeddings.npz"):
        if not (folder / name).exists():
            raise SystemExit(f"{folder / name} is missing. Run prepare.py to write it.")
    vocabulary = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    pieces = [vocabulary.id_to_token(i) for i in range(vocabulary.get_vocab_size())]
    starts_word = np.array([p.startswith("▁") or not p[:1].isalnum() for p in pieces])
    shards = sorted(p for p in folder.glob("*.npz") if p.stem not in ("embeddings", "valid"))
    if not shards:
        raise SystemExit(f"{folder} holds no shards to train on. Run prepare.py to write them.")
    valid = Corpus([folder / "valid.npz"], starts_word)
    fixed = np.random.default_rng(0)
    try:
        short = [valid.pairs(fixed, 32, 64) for _ in range(5)]
        short += [valid.singles(fixed, 24, n) for n in range(10, 42, 4) if len(valid.by_length[n - 2])]
        long = [valid.pairs(fixed, 8, positions) for _ in range(4)]
    except ValueError:
        raise SystemExit(f"{folder / 'valid.npz'} is too short a text to evaluate on. Give prepare.py a longer valid.txt.") from None
    return Data(
        corpus=Corpus(shards, starts_word),
        shards=[p.stem for p in shards],
        held_out=short,
        held_out_long=long,
        characters=torch.tensor([len(p.removeprefix("▁")) for p in pieces]),
    )


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high" if device == "cuda" else "highest")
    torch.set_flush_denormal(True)
    torch.manual_seed(options.seed)

    data = read_data(options.data, options.positions)
    corpus, held_out, held_out_long, characters = data.corpus, data.held_out, data.held_out_long, data.characters

    model = build_model(options).to(device)
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f"{parameters:,} parameters, {len(characters):,} pieces, {len(corpus.ids):,} training tokens; "
        f"torch {torch.__version__}, transformers {transformers.__version__}, {device}",
        flush=True,
    )
    optimizing = optimizers(model, options)
    step = seen = averaged = 0
    before = 0.0
    average: dict[str, torch.Tensor] = {}
    saved = options.out / "checkpoint.pt"
    if saved.exists():
        state = read_checkpoint(saved, device)
        try:
            model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise SystemExit(f"{saved} is of another geometry. Use another --out or delete it.\n{error}") from None
        for optimizer, was in zip(optimizing, state["optimizers"]):
            optimizer.load_state_dict(was)
        step, seen, averaged, before, average = (state[k] for k in ("step", "seen", "averaged", "before", "average"))
        print(f"continues at step {step} after {before / 60:.1f} minutes", flush=True)
    quarters = [options.positions * n // 4 for n in (1, 2, 3, 4)]
    batches = Batches(corpus, (options.seed, step), options.batch_tokens, (SHORT, quarters))
    workers = (8 if device == "cuda" else 0) if options.workers is None else options.workers
    loader = iter(torch.utils.data.DataLoader(batches, None, num_workers=workers, pin_memory=device == "cuda"))
    forward = torch.compile(losses, dynamic=True) if options.compile else losses
    if options.compile:
        # Compiles what a step needs, of pairs and of single sentences, before the clock runs.
        start = time.monotonic()
        for batch in (held_out[0], held_out[-1]):
            mlm, sop, _ = forward(model, to(batch, device), device)
            (mlm + 0.5 * sop).backward()
        model.zero_grad(set_to_none=True)
        print(f"compiled in {time.monotonic() - start:.0f} s", flush=True)

    start = time.monotonic()
    limit = options.minutes * 60
    last_report = last_save = start
    window: list[float] = []
    orders: list[float] = []

    def checkpoint() -> None:
        state = {
            "model": model.state_dict(),
            "optimizers": [o.state_dict() for o in optimizing],
            "step": step,
            "seen": seen,
            "averaged": averaged,
            "average": average,
            "before": before + time.monotonic() - start,
        }
        replace(saved, lambda p: torch.save(state, p))

    while (progress := (before + time.monotonic() - start) / limit) < 1:
        factor = rate(progress)
        for optimizer in optimizing:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
        batches.phase.value = progress >= LONG_FROM
        batch = to(next(loader), device)
        mlm, sop, _ = forward(model, batch, device)
        (mlm + 0.5 * sop).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizing:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        seen += batch.input_ids.numel()
        if device == "cpu" or step % 20 == 0:
            window.append(mlm.item())
            if batch.order is not None:
                orders.append(sop.item())

        if progress >= AVERAGE_FROM + averaged * AVERAGE_EVERY:
            averaged += 1
            for name, parameter in model.named_parameters():
                mean = average.setdefault(name, torch.zeros_like(parameter, requires_grad=False))
                mean += (parameter.detach() - mean) / averaged
        now = time.monotonic()
        if now - last_report > options.report_seconds:
            last_report = now
            print(
                f"{progress:6.1%}  step {step:6d}  {seen / 1e6:8.2f} M tokens  {seen / (before + now - start):8.0f} tokens/s  "
                f"train {np.mean(window):.3f}  order {np.mean(orders or [math.nan]):.3f}  "
                f"held-out {shown(evaluate(model, held_out, characters, device))}",
                flush=True,
            )
            window.clear()
            orders.clear()
        if now - last_save > options.save_seconds:
            last_save = now
            checkpoint()
            export(model, options, {"unfinished": True, "step": step})

    checkpoint()
    results = {"last": evaluate(model, held_out, characters, device)}
    last = {n: p.detach().clone() for n, p in model.named_parameters()}
    if average:
        load(model, average)
        results["average"] = evaluate(model, held_out, characters, device)
    best = min(results, key=lambda kind: results[kind]["loss"])
    load(model, average if best == "average" else last)
    long = evaluate(model, held_out_long, characters, device)
    for kind, figures in results.items():
        print(f"{kind}: held-out {shown(figures)}")
    print(f"at {options.positions} tokens: {shown(long)}")
    run = {
        "minutes": options.minutes,
        "device": torch.cuda.get_device_name() if device == "cuda" else f"CPU, {options.threads} threads",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "shards": data.shards,
        "tokens_seen": seen,
        "steps": step,
        "seed": options.seed,
        "weights": best,
        "held_out": results[best],
        "held_out_full_length": long,
    }
    export(model, options, run)
    print(json.dumps(run))


if __name__ == "__main__":
    main()
