"""Trains an ALBERT (Lan et al. 2020) further from a checkpoint, on one CPU core or a GPU.

    python train.py --data <folder of prepare.py> --init <checkpoint> --out <folder> [--tokens 60e6 | --hours 0.15]

Objectives: masked-LM at the masked positions, and sentence-order prediction on pairs. A run ends after --tokens or
--hours, whichever comes first. The learning rate rises over the first tokens, stays, and falls to zero from --decay-from
on, a share of the run; from --long-from on, another share, sequences have up to 512 tokens. All of these may change from
one start to the next, so that how long a run takes need not be known before.

Stopped (SIGINT, SIGTERM) it saves; killed, it has lost at most --save-minutes. It continues when it is started again.
<out> holds checkpoint.pt, curve.jsonl (a line for each report) and model/: config.json, model.safetensors (F16, the
averaged weights), tokenizer.json and training.json.
"""

import argparse
import json
import math
import os
import pickle
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.torch
import torch
import transformers
from torch import nn
from torch.nn import functional as F
from transformers import AlbertForPreTraining

from data import Batch, Batches, Corpus, Vocabulary
from forward import hidden_states, order_logits, word_logits
from vocabulary import read_vocabulary

AVERAGE_EVERY = 8  # steps
CLIP = 1.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True, help="folder of a checkpoint of AlbertForPreTraining")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tokens", type=float, default=60e6, help="when to stop")
    parser.add_argument("--patience", type=float, default=5e6, help="stop when the held-out loss has not fallen for this many tokens")
    parser.add_argument("--hours", type=float, default=math.inf, help="when to stop, in hours of training, all starts together")
    parser.add_argument("--decay-from", type=float, default=0.8, help="share of the run")
    parser.add_argument("--long-from", type=float, default=0.9, help="share of the run")
    parser.add_argument("--warm-up", type=float, default=0.3e6, help="tokens")
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--average", type=float, default=1e6, help="tokens over which weights are averaged")
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop and save after this time")
    parser.add_argument("--report-minutes", type=float, default=5)
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--workers", type=int, help="processes that draw batches; none on a CPU, 8 for a GPU if not given")
    parser.add_argument("--compile", action="store_true", help="torch.compile: a minute and a half once, then 15 %% faster")
    parser.add_argument("--float32", action="store_true", help="no bfloat16")
    options = parser.parse_args()
    for name in ("decay_from", "long_from"):
        if not 0 <= getattr(options, name) <= 1:
            parser.error(f"--{name.replace('_', '-')} is a share of the run, from 0 to 1")
    return options


def has_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def read_model(folder: Path, vocabulary: Vocabulary) -> AlbertForPreTraining:
    try:
        model, info = AlbertForPreTraining.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise SystemExit(f"{folder} does not hold a checkpoint that can be read ({error}).") from None
    if info["missing_keys"]:
        raise SystemExit(f"{folder} lacks {', '.join(sorted(info['missing_keys']))}.")
    if model.config.vocab_size != vocabulary.size:
        raise SystemExit(f"{folder} has {model.config.vocab_size:,} pieces, the shards' tokenizer.json {vocabulary.size:,}.")
    return model


def optimizer_of(model: nn.Module, rate: float, weight_decay: float) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def progress(seen: int, seconds: float, options: argparse.Namespace) -> float:
    """Share of the run that is done, after `seen` tokens and so many seconds of training."""
    return max(seen / options.tokens, seconds / (3600 * options.hours))


def rate(seen: int, done: float, options: argparse.Namespace) -> float:
    """Share of the peak learning rate after `seen` tokens and the share `done` of the run."""
    up = (seen + 0.01 * options.warm_up) / (1.01 * options.warm_up) if options.warm_up else 1.0
    down = (1 - done) / (1 - options.decay_from) if done > options.decay_from else 1.0
    return max(0.0, min(1.0, up, down))


class Losses(NamedTuple):
    """Sums over the masks and over the pairs of a batch."""

    words: torch.Tensor
    words_right: torch.Tensor
    order: torch.Tensor
    order_right: torch.Tensor


def losses(model: AlbertForPreTraining, batch: Batch, dtype: torch.dtype) -> Losses:
    rows, length = batch.input_ids.shape
    at = batch.positions
    if batch.order is not None:
        at = torch.cat([at, torch.arange(rows, device=at.device) * length])
    hidden = hidden_states(model, batch.input_ids, batch.token_type_ids, at, dtype)
    words = word_logits(model, hidden[: len(batch.labels)]).float()
    loss = F.cross_entropy(words, batch.labels, reduction="sum")
    right = (words.argmax(-1) == batch.labels).sum()
    if batch.order is None:
        return Losses(loss, right, loss.new_zeros(()), right.new_zeros(()))
    order = order_logits(model, hidden[len(batch.labels) :]).float()
    return Losses(
        loss,
        right,
        F.cross_entropy(order, batch.order, reduction="sum"),
        (order.argmax(-1) == batch.order).sum(),
    )


def to(batch: Batch, device: str) -> Batch:
    return Batch(*(None if a is None else torch.as_tensor(a).to(device, non_blocking=True) for a in batch))


@torch.no_grad()
def evaluate(forward: Callable, held_out: list[Batch], device: str) -> dict[str, float]:
    """Masked words: loss in nats and accuracy. Sentence order: accuracy over the pairs."""
    total = [0.0] * 4
    masks = pairs = 0
    for batch in held_out:
        batch = to(batch, device)
        total = [before + x.item() for before, x in zip(total, forward(batch))]
        masks += len(batch.labels)
        pairs += 0 if batch.order is None else len(batch.order)
    return {"loss": total[0] / masks, "accuracy": total[1] / masks, "order": total[3] / max(1, pairs)}


def replace(path: Path, write: Callable[[Path], None]) -> None:
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
        raise SystemExit(f"{path} is damaged ({error}). Delete it to start again, or use another --out.") from None


def export(config: transformers.AlbertConfig, weights: dict[str, torch.Tensor], data: Path, out: Path, run: dict) -> None:
    out.mkdir(parents=True, exist_ok=True)
    state = {n: p.detach().to("cpu", torch.float16).contiguous() for n, p in weights.items()}
    replace(out / "model.safetensors", lambda p: safetensors.torch.save_file(state, p, {"format": "pt"}))
    settings = config.to_dict() | {"architectures": ["AlbertForPreTraining"], "dtype": "float16"}
    replace(out / "config.json", lambda p: p.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n"))
    replace(out / "tokenizer.json", lambda p: shutil.copyfile(data / "tokenizer.json", p))
    replace(out / "training.json", lambda p: p.write_text(json.dumps(run, indent=2) + "\n"))


class Average:
    """An exponential moving average of the weights over the last `window` steps, and over fewer at the beginning."""

    def __init__(self, model: nn.Module, window: float):
        self.window, self.count = window, 0
        self.weights = {n: p.detach().clone() for n, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.count += 1
        share = 1 / min(self.count + 1, self.window)
        parameters = [p.detach() for _, p in model.named_parameters()]
        torch._foreach_lerp_(list(self.weights.values()), parameters, share)


def read_data(folder: Path, vocabulary: Vocabulary) -> tuple[Corpus, list[str], list[Batch], list[Batch]]:
    """The training text, its shards' names, held-out batches of the usual lengths and of the longest."""
    shards = sorted(p for p in folder.glob("*.npz") if p.stem != "valid" and not p.stem.endswith(".part"))
    if not shards:
        raise SystemExit(f"{folder} holds no shards to train on. Run prepare.py to write them.")
    valid = Corpus([folder / "valid.npz"], vocabulary)
    fixed = np.random.default_rng(0)
    try:
        short = [valid.pairs(fixed, 2048 // n, n) for n in (64, 96, 128) * 4]
        openings = [n for n in range(40, 129, 2) if len(valid.whole_runs(n - 3, True))]
        short += [valid.pairs(fixed, 4, n, True) for n in openings]
        sizes = [n for n in range(8, 44, 4) if len(valid.singles[n])]
        short += [valid.sentence(fixed, valid.singles[n], 32, False) for n in sizes]
        long = [valid.pairs(fixed, 4, 512) for _ in range(4)]
    except ValueError:
        raise SystemExit(f"{folder / 'valid.npz'} is too short a text to evaluate on. Give prepare.py a longer one.") from None
    return Corpus(shards, vocabulary), [p.stem for p in shards], short, long


def main() -> None:
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high" if device == "cuda" else "highest")
    torch.set_flush_denormal(True)
    torch.manual_seed(options.seed)
    dtype = torch.bfloat16 if has_bfloat16(device) and not options.float32 else torch.float32

    vocabulary = read_vocabulary(options.data / "tokenizer.json")
    corpus, shards, held_out, held_out_long = read_data(options.data, vocabulary)
    model = read_model(options.init, vocabulary).to(device)
    model.tie_weights()
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, {vocabulary.size:,} pieces, {len(corpus.ids):,} training "
        f"tokens; torch {torch.__version__}, transformers {transformers.__version__}, {device}, {str(dtype).removeprefix('torch.')}",
        flush=True,
    )
    optimizer = optimizer_of(model, options.lr, options.weight_decay)
    average = Average(model, options.average / options.batch_tokens / AVERAGE_EVERY)
    step, seen, seconds = 0, 0, 0.0
    best, best_at = math.inf, 0  # the lowest held-out loss, and the tokens seen by then
    saved = options.out / "checkpoint.pt"
    if saved.exists():
        state = read_checkpoint(saved, device)
        try:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise SystemExit(f"{saved} is of another geometry. Use another --out or delete it.\n{error}") from None
        average.weights, average.count = state["average"], state["averaged"]
        step, seen, seconds = state["step"], state["seen"], state["seconds"]
        best, best_at = state["best"], state["best_at"]
        if state["seed"] != options.seed:
            raise SystemExit(f"{saved} was begun with --seed {state['seed']}.")
        print(f"continues at step {step}, {seen / 1e6:.2f} M tokens", flush=True)

    def checkpoint() -> None:
        replace(
            saved,
            lambda p: torch.save(
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "average": average.weights,
                    "averaged": average.count,
                    "step": step,
                    "seen": seen,
                    "seconds": seconds,
                    "best": best,
                    "best_at": best_at,
                    "seed": options.seed,
                },
                p,
            ),
        )

    def measure(batches: list[Batch]) -> dict[str, float]:
        """Of the averaged weights."""
        now = {n: p.detach().clone() for n, p in model.named_parameters()}
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(average.weights[name])
            figures = evaluate(lambda batch: losses(model, batch, dtype), batches, device)
            for name, parameter in model.named_parameters():
                parameter.copy_(now[name])
        return figures

    def write(figures: dict) -> None:
        export(
            model.config,
            average.weights,
            options.data,
            options.out / "model",
            {
                "device": torch.cuda.get_device_name() if device == "cuda" else f"CPU, {options.threads} threads",
                "type": str(dtype).removeprefix("torch."),
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "shards": shards,
                "tokens_seen": seen,
                "tokens_planned": options.tokens if math.isfinite(options.tokens) else None,
                "hours_planned": options.hours if math.isfinite(options.hours) else None,
                "steps": step,
                "batch_tokens": options.batch_tokens,
                "minutes": round(seconds / 60, 1),
                "lr": options.lr,
                "decay_from": options.decay_from,
                "long_from": options.long_from,
                "warm_up": options.warm_up,
                "weight_decay": options.weight_decay,
                "average": options.average,
                "seed": options.seed,
                "held_out": figures,
            },
        )

    forward = torch.compile(losses, dynamic=True) if options.compile else losses
    batches = Batches(corpus, options.seed, step, options.batch_tokens)
    workers = (8 if device == "cuda" else 0) if options.workers is None else options.workers
    loader = iter(
        torch.utils.data.DataLoader(
            batches, None, num_workers=workers, prefetch_factor=8 if workers else None, pin_memory=device == "cuda"
        )
    )
    stopped = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, frame: stopped.append(number))

    start = reported = saved_at = time.monotonic()
    before, seen_before, seen_reported = seconds, seen, seen
    window: list[tuple[float, float, float]] = []
    while (done := progress(seen, seconds, options)) < 1 and not stopped and time.monotonic() - start < 60 * options.minutes:
        for group in optimizer.param_groups:
            group["lr"] = options.lr * rate(seen, done, options)
        batches.long.value = done >= options.long_from
        batch = to(next(loader), device)
        sums = forward(model, batch, dtype)
        masks, pairs = len(batch.labels), 0 if batch.order is None else len(batch.order)
        loss = sums.words / masks + (sums.order / pairs if pairs else 0)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        seen += batch.input_ids.numel()
        if step % AVERAGE_EVERY == 0:
            average.update(model)
        if device == "cpu" or step % 20 == 0:
            window.append((sums.words.item() / masks, sums.words_right.item() / masks, sums.order.item() / pairs if pairs else np.nan))
            if not np.isfinite(window[-1][0]):
                raise SystemExit(f"The loss is {window[-1][0]} at step {step}: start again with a lower --lr.")
        now = time.monotonic()
        seconds = before + now - start
        if now - reported > 60 * options.report_minutes:
            speed = (seen - seen_reported) / (now - reported)
            figures = measure(held_out)
            line = {"tokens": seen, "seconds": round(seconds), "train": float(np.nanmean([w[0] for w in window])), **figures}
            left = min((options.tokens - seen) / speed, 3600 * options.hours - seconds)
            line["order_train"] = float(np.nanmean([w[2] for w in window]))
            with open(options.out / "curve.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
            print(
                f"{seen / 1e6:8.2f} M tokens  {speed:6.0f} tokens/s  step {step}  rate {rate(seen, done, options):.2f}  train {line['train']:.3f}, "
                f"order {line['order_train']:.3f}  held out {figures['loss']:.3f}, words {figures['accuracy']:.2%}, order "
                f"{figures['order']:.1%}  {left / 60:.0f} min left",
                flush=True,
            )
            write(figures)
            if figures["loss"] < best:
                best, best_at = figures["loss"], seen
            elif seen - best_at > options.patience:
                print(f"The held-out loss has not fallen since {best_at / 1e6:.2f} M tokens.")
                break
            window.clear()
            reported, seen_reported = time.monotonic(), seen
        if now - saved_at > 60 * options.save_minutes:
            checkpoint()
            saved_at = time.monotonic()

    checkpoint()
    figures = measure(held_out)
    write(figures | {"at_512": measure(held_out_long)})
    print(f"{'stopped' if progress(seen, seconds, options) < 1 else 'done'} at step {step}, {seen / 1e6:.2f} M tokens: {json.dumps(figures)}")


if __name__ == "__main__":
    main()
