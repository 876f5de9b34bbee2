"""Draws the curve of a run for the model card.

    python plot.py --run <out of train.py> --out <file.svg>

Reads curve.jsonl, which train.py writes, and measured.jsonl, which measure.py --log writes.
"""

import argparse
import json
from pathlib import Path

import matplotlib
from matplotlib import pyplot

# Title, file, key of a line, factor.
PANELS = (
    ("held-out loss, nats", "curve.jsonl", "loss", 1),
    ("held-out words right, %", "curve.jsonl", "accuracy", 100),
    ("held-out sentence order right, %", "curve.jsonl", "order", 100),
    ("BLiMP, %", "measured.jsonl", "blimp", 1),
    ("ParaRel P@1, %", "measured.jsonl", "p1", 1),
    ("ParaRel P@10, %", "measured.jsonl", "p10", 1),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    # The same input gives the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "curve", "font.size": 8})
    figure, axes = pyplot.subplots(2, 3, figsize=(9, 5), layout="constrained")
    for panel, (title, name, key, factor) in zip(axes.flat, PANELS):
        lines = [json.loads(line) for line in (options.run / name).read_text().splitlines()]
        panel.plot([line["tokens"] / 1e6 for line in lines], [factor * line[key] for line in lines], ".-", linewidth=1, markersize=3)
        panel.set_title(title)
        panel.set_xlabel("M tokens")
        panel.grid(alpha=0.3)
    figure.savefig(options.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
