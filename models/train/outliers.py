"""A copy of a checkpoint with strong outliers, as published ALBERTs have them, to see how quantization bears them.

    python outliers.py --data <folder of prepare.py> --model <checkpoint> --out <folder>

In a handful of channels the gains of the shared layer's two layer-norms grow to 10 to 30 times of what they were and stay
there, while all else is tuned until held-out accuracy is at least 80 % of the original's. The copy is written to <out>/model.
"""

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from torch import nn

from data import Batches
from train import Data, evaluate, export, losses, optimizers, read_data, shown, to

CHANNELS = 4
TIMES = (10, 30)
ENOUGH = 0.8
LENGTHS = range(32, 129, 8)


@dataclass
class Outliers:
    gains: torch.Tensor
    """(H,) of a layer-norm, changed in place"""
    channels: torch.Tensor
    first: torch.Tensor
    """(channels,) the gains as they were"""
    times: torch.Tensor


def choose_outliers(layer: nn.Module, random: np.random.Generator, device: str) -> list[Outliers]:
    chosen = []
    for norm in (layer.full_layer_layer_norm, layer.attention.LayerNorm):
        channels = torch.from_numpy(random.choice(len(norm.weight), CHANNELS, replace=False)).to(device)
        times = torch.from_numpy(random.uniform(*TIMES, CHANNELS)).float().to(device)
        chosen.append(Outliers(norm.weight, channels, norm.weight[channels].detach().clone(), times))
    return chosen


def tune(model: nn.Module, data: Data, options: argparse.Namespace, enough: float, device: str) -> dict:
    [layer] = model.albert.encoder.albert_layer_groups[0].albert_layers
    outliers = choose_outliers(layer, np.random.default_rng(options.seed), device)
    optimizing = optimizers(model, options)
    batches = Batches(data.corpus, (options.seed,), options.batch_tokens, (LENGTHS,))
    start = last = time.monotonic()
    for step, batch in enumerate(torch.utils.data.DataLoader(batches, None)):
        with torch.no_grad():
            for one in outliers:
                one.gains[one.channels] = one.first * one.times ** min(1, step / options.grow_steps)
        mlm, sop, _ = losses(model, to(batch, device), device)
        (mlm + 0.5 * sop).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizing:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        now = time.monotonic()
        if now - last < options.report_seconds:
            continue
        last = now
        grown = step >= options.grow_steps
        with torch.no_grad():
            for one in outliers:
                one.gains[one.channels] = one.first * one.times ** min(1, step / options.grow_steps)
        figures = evaluate(model, data.held_out, data.characters, device)
        print(f"{now - start:5.0f} s  step {step}  {'grown' if grown else 'growing'}  held-out {shown(figures)}", flush=True)
        if grown and figures["accuracy"] >= enough:
            return {"outliers": CHANNELS, "times": TIMES, "steps": step, "held_out": figures}
        if now - start > 60 * options.minutes:
            raise SystemExit(f"After {options.minutes} minutes it is not at {enough:.2%}: give it more --minutes.")
    raise AssertionError("batches have no end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30, help="when to give up")
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--muon-lr", type=float, default=0.005)
    parser.add_argument("--adam-lr", type=float, default=1e-3)
    parser.add_argument("--grow-steps", type=int, default=300, help="over how many steps the gains grow")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report-seconds", type=float, default=15)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    model = transformers.AlbertForPreTraining.from_pretrained(options.model, dtype=torch.float32).to(device)
    data = read_data(options.data, model.config.max_position_embeddings)
    original = evaluate(model, data.held_out, data.characters, device)
    print(f"original: held-out {shown(original)}", flush=True)
    export(model, options, tune(model, data, options, ENOUGH * original["accuracy"], device))


if __name__ == "__main__":
    main()
