"""BLiMP and ParaRel of a float checkpoint on a sample, in a minute: the curve of a run.

    python measure.py --model <run>/model --eval <folder of blimp.tar.xz and pararel.tar.xz> [--log <file.jsonl>]

`npm run models -- evaluate` is what counts: it takes larger samples and measures the served model too. Here BLiMP is
within_word_l2r (Kauf & Ivanova 2023) over the first pairs of each set, and ParaRel asks each fact, in the first pattern
of its relation, for its object among all pieces.
"""

import argparse
import json
import os
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn import functional as F
from transformers import AlbertForPreTraining

from forward import hidden_states, word_logits

ROWS = 256


def lines(archive: Path, folder: str) -> dict[str, list[dict]]:
    """The JSON lines of each file of a folder of the archive."""
    with tarfile.open(archive) as tar:
        files = sorted(m.name for m in tar.getmembers() if f"/{folder}/" in f"/{m.name}" and m.name.endswith(".jsonl"))
        return {Path(name).name: [json.loads(l) for l in tar.extractfile(name).read().decode().splitlines() if l.strip()] for name in files}


@torch.no_grad()
def logits_at(model: AlbertForPreTraining, asked: list[tuple[list[int], int]], dtype: torch.dtype) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yields which of the (ids, position) were asked together, and (asked, V) log-probabilities there."""
    by_length = defaultdict(list)
    for i, (ids, _) in enumerate(asked):
        by_length[len(ids)].append(i)
    for length, members in by_length.items():
        for at in range(0, len(members), ROWS):
            part = members[at : at + ROWS]
            ids = torch.tensor([asked[i][0] for i in part])
            positions = torch.tensor([k * length + asked[i][1] for k, i in enumerate(part)])
            hidden = hidden_states(model, ids, torch.zeros_like(ids), positions, dtype)
            yield part, F.log_softmax(word_logits(model, hidden).float(), -1)


def blimp(model, tokenizer: Tokenizer, sets: dict[str, list[dict]], each: int, dtype: torch.dtype) -> tuple[float, int]:
    mask = tokenizer.token_to_id("[MASK]")
    asked, wanted, owner = [], [], []
    number = 0
    for pairs in sets.values():
        for pair in pairs[:each]:
            for text in (pair["sentence_good"], pair["sentence_bad"]):
                encoding = tokenizer.encode(text)
                inside = [p.startswith("##") for p in encoding.tokens]
                for i in range(1, len(encoding.ids) - 1):
                    ids = list(encoding.ids)
                    ids[i], k = mask, i + 1
                    while inside[k]:
                        ids[k], k = mask, k + 1
                    asked.append((ids, i))
                    wanted.append(encoding.ids[i])
                    owner.append(number)
                number += 1
    scores = np.zeros(number)
    for part, rows in logits_at(model, asked, dtype):
        for i, row in zip(part, rows):
            scores[owner[i]] += row[wanted[i]].item()
    right = scores[0::2] > scores[1::2]
    return 100 * float(right.mean()), len(right)


def pararel(model, tokenizer: Tokenizer, archive: Path, count: int, dtype: torch.dtype) -> tuple[float, float, int]:
    patterns, facts = lines(archive, "graphs_json"), lines(archive, "trex_lms_vocab")
    mask, asked, wanted = tokenizer.token_to_id("[MASK]"), [], []
    for name, of in patterns.items():
        pattern = of[0]["pattern"].replace(" .", ".")
        for fact in facts[name]:
            answer = tokenizer.encode(fact["obj_label"], add_special_tokens=False).ids
            if len(answer) == 1:
                ids = tokenizer.encode(pattern.replace("[X]", fact["sub_label"]).replace("[Y]", "[MASK]")).ids
                asked.append((ids, ids.index(mask)))
                wanted.append(answer[0])
    chosen = np.random.default_rng(0).permutation(len(asked))[:count]
    asked, wanted = [asked[i] for i in chosen], [wanted[i] for i in chosen]
    better = np.zeros(len(asked))
    for part, rows in logits_at(model, asked, dtype):
        for i, row in zip(part, rows):
            better[i] = (row > row[wanted[i]]).sum().item()
    return 100 * float((better < 1).mean()), 100 * float((better < 10).mean()), len(asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--eval", type=Path, required=True)
    parser.add_argument("--log", type=Path, help="appends the figures as a line of JSON")
    parser.add_argument("--pairs", type=int, default=15, help="of each of BLiMP's 67 sets")
    parser.add_argument("--facts", type=int, default=2000)
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    model = AlbertForPreTraining.from_pretrained(options.model, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    run = options.model / "training.json"
    recorded = json.loads(run.read_text()) if run.exists() else {}
    figures: dict = {"tokens": recorded.get("tokens_seen"), "held_out": recorded.get("held_out")}
    figures["blimp"], figures["pairs"] = blimp(model, tokenizer, lines(options.eval / "blimp.tar.xz", "blimp"), options.pairs, torch.bfloat16)
    figures["p1"], figures["p10"], figures["facts"] = pararel(model, tokenizer, options.eval / "pararel.tar.xz", options.facts, torch.bfloat16)
    print(json.dumps(figures))
    if options.log:
        with open(options.log, "a") as file:
            file.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
