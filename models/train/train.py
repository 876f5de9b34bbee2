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
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.torch
import tokenizers
import torch
import transformers
from torch import nn
from torch.nn import functional as F

from data import Batch, Corpus
from muon import Muon
from prepare import MASK, PAD, SPECIAL

WARM_UP = 0.03  # share of the time
LONG_FROM = 0.9  # share of the time after which sequences have up to the full length
SHORT = range(48, 65)  # tokens of a sequence before that
SINGLES = 0.35  # share of the batches that are single sentences
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
    return parser.parse_args()


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
        model.albert.embeddings.word_embeddings.weight.copy_(torch.from_numpy(embeddings) * 0.5)
        model.albert.embeddings.position_embeddings.weight.copy_(waves(options.positions, embeddings.shape[1]))
        model.predictions.bias.copy_(torch.from_numpy(log_unigram))
    model.tie_weights()
    return model


def waves(positions: int, width: int) -> torch.Tensor:
    """(positions, width): sines and cosines (Vaswani et al. 2017), as large as the words, to begin with.

    From random vectors "the word before" has to be learned for each position; here one rotation says it for all, those
    that only the long sequences at the end of the run reach included.
    """
    angles = torch.arange(positions)[:, None] * positions ** (-torch.arange(0, width, 2) / width)
    return torch.cat([angles.sin(), angles.cos()], 1) * (0.5 * 2**0.5 / width**0.5)


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


def draw(corpus: Corpus, random: np.random.Generator, tokens: int, lengths: Sequence[int]) -> Batch:
    if random.random() < SINGLES:
        length = int(random.choice([n for n in corpus.by_length if len(corpus.by_length[n]) >= 64])) + 2
        return corpus.singles(random, max(1, tokens // length), length)
    length = int(random.choice(lengths))
    return corpus.pairs(random, max(1, tokens // length), length)


def losses(model: nn.Module, batch: Batch, device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Masked-LM loss, sentence-order loss (zero for single sentences) and number of right first choices."""
    ids, types, positions, labels = (
        torch.from_numpy(a).to(device, non_blocking=True)
        for a in (batch.input_ids, batch.token_type_ids, batch.positions, batch.labels)
    )
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        hidden, pooled = model.albert(ids, token_type_ids=types)[:2]
        logits = model.predictions(hidden.reshape(-1, hidden.shape[-1])[positions])
        order = model.sop_classifier(pooled)
    mlm = F.cross_entropy(logits.float(), labels)
    sop = mlm.new_zeros(())
    if batch.order is not None:
        sop = F.cross_entropy(order.float(), torch.from_numpy(batch.order).to(device))
    return mlm, sop, (logits.argmax(-1) == labels).sum()


@torch.no_grad()
def evaluate(model: nn.Module, held_out: list[Batch], device: str) -> tuple[float, float]:
    """Masked-LM loss in nats and accuracy, over all masks of the batches."""
    total = right = count = 0.0
    for batch in held_out:
        mlm, _, correct = losses(model, batch, device)
        total += mlm.item() * len(batch.labels)
        right += correct.item()
        count += len(batch.labels)
    return total / count, right / count


def replace(path: Path, write) -> None:
    """Writes beside the file and renames, so that a full disk or a kill leaves the last good one."""
    part = path.with_name(path.name + ".part")
    write(part)
    os.replace(part, path)


def export(model: nn.Module, options: argparse.Namespace, run: dict) -> None:
    folder = options.out / "model"
    folder.mkdir(parents=True, exist_ok=True)
    state = {n: p.detach().to("cpu", torch.float16).contiguous() for n, p in model.named_parameters()}
    replace(folder / "model.safetensors", lambda p: safetensors.torch.save_file(state, p, {"format": "pt"}))
    config = model.config.to_dict() | {"architectures": ["AlbertForPreTraining"], "dtype": "float16"}
    replace(folder / "config.json", lambda p: p.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n"))
    replace(folder / "tokenizer.json", lambda p: shutil.copyfile(options.data / "tokenizer.json", p))
    replace(folder / "training.json", lambda p: p.write_text(json.dumps(run, indent=2) + "\n"))


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high" if device == "cuda" else "highest")
    torch.set_flush_denormal(True)
    torch.manual_seed(options.seed)

    vocabulary = tokenizers.Tokenizer.from_file(str(options.data / "tokenizer.json"))
    pieces = [vocabulary.id_to_token(i) for i in range(vocabulary.get_vocab_size())]
    starts_word = np.array([p.startswith("▁") or not p[:1].isalnum() for p in pieces])
    shards = sorted(p for p in options.data.glob("*.npz") if p.stem not in ("embeddings", "valid"))
    corpus = Corpus(shards, starts_word)
    valid = Corpus([options.data / "valid.npz"], starts_word)
    fixed = np.random.default_rng(0)
    held_out = [valid.pairs(fixed, 32, SHORT[-1]) for _ in range(5)] + [valid.singles(fixed, 24, n) for n in range(10, 42, 4)]
    held_out_long = [valid.pairs(fixed, 8, options.positions) for _ in range(4)]

    long = [options.positions * quarters // 4 for quarters in (1, 2, 3, 4)]

    model = build_model(options).to(device)
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f"{parameters:,} parameters, {len(pieces):,} pieces, {len(corpus.ids):,} training tokens; "
        f"torch {torch.__version__}, transformers {transformers.__version__}, {device}",
        flush=True,
    )
    optimizing = optimizers(model, options)
    step = seen = averaged = 0
    before = 0.0
    average: dict[str, torch.Tensor] = {}
    saved = options.out / "checkpoint.pt"
    if saved.exists():
        state = torch.load(saved, map_location=device, weights_only=True)
        try:
            model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise SystemExit(f"{saved} is of another geometry. Use another --out or delete it.\n{error}") from None
        for optimizer, was in zip(optimizing, state["optimizers"]):
            optimizer.load_state_dict(was)
        step, seen, averaged, before, average = (state[k] for k in ("step", "seen", "averaged", "before", "average"))
        print(f"continues at step {step} after {before / 60:.1f} minutes", flush=True)
    random = np.random.default_rng([options.seed, step])
    trained = torch.compile(model, dynamic=True) if options.compile else model

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
        lengths = long if progress >= LONG_FROM else SHORT
        batch = draw(corpus, random, options.batch_tokens, lengths)
        mlm, sop, _ = losses(trained, batch, device)
        (mlm + 0.5 * sop).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizing:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        seen += batch.input_ids.size
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
            loss, accuracy = evaluate(model, held_out, device)
            print(
                f"{progress:6.1%}  step {step:6d}  {seen / 1e6:8.2f} M tokens  {seen / (before + now - start):8.0f} tokens/s  "
                f"train {np.mean(window):.3f}  order {np.mean(orders or [math.nan]):.3f}  "
                f"held-out loss {loss:.3f} accuracy {accuracy:.2%}",
                flush=True,
            )
            window.clear()
            orders.clear()
        if now - last_save > options.save_seconds:
            last_save = now
            checkpoint()
            export(model, options, {"unfinished": True, "step": step})

    checkpoint()
    results = {"last": (*evaluate(model, held_out, device), *evaluate(model, held_out_long, device))}
    last = {n: p.detach().clone() for n, p in model.named_parameters()}
    if average:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(average[name])
        results["average"] = (*evaluate(model, held_out, device), *evaluate(model, held_out_long, device))
        if results["average"][0] > results["last"][0]:
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    parameter.copy_(last[name])
    best = min(results, key=lambda k: results[k][0])
    for kind, (loss, accuracy, long_loss, long_accuracy) in results.items():
        print(
            f"{kind}: held-out loss {loss:.3f} accuracy {accuracy:.2%}; "
            f"at {options.positions} tokens loss {long_loss:.3f} accuracy {long_accuracy:.2%}"
        )
    run = {
        "minutes": options.minutes,
        "device": torch.cuda.get_device_name() if device == "cuda" else f"CPU, {options.threads} threads",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "shards": [p.stem for p in shards],
        "tokens_seen": seen,
        "steps": step,
        "seed": options.seed,
        "weights": best,
        "held_out": dict(zip(("loss", "accuracy", "loss_full_length", "accuracy_full_length"), results[best])),
    }
    export(model, options, run)
    print(json.dumps(run))


if __name__ == "__main__":
    main()
