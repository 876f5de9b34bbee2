"""What `transformers` makes of texts, for the tokenizer of the worker to be held against.

    python token_ids.py <tokenizer.json> < texts > ids      a JSON string a line to a JSON list of ids a line
    python token_ids.py <tokenizer.json> --record <file>    writes the ids beside each of the texts in the file, and

        characters_sha256   of what the normalizer makes of every code point between two letters, a line each
        pieces_sha256       of what each id is decoded to alone, a line each

In Node, halves of surrogate pairs are texts too; here they are not, so none may be given. `npm run format` puts a recorded
file into its usual form.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import tokenizers
import transformers


def load(path: Path) -> transformers.PreTrainedTokenizerFast:
    return transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), mask_token="[MASK]")


def encode(tokenizer: transformers.PreTrainedTokenizerFast, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts)["input_ids"] if texts else []


def sha256_of_lines(lines: list[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def normalized_characters(tokenizer: transformers.PreTrainedTokenizerFast) -> list[str]:
    """A line for each code point but the surrogates."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    points = (point for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF)
    return [normalizer.normalize_str(f"x{chr(point)}y")[1:-1] for point in points]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    tokenizer = load(options.tokenizer)
    if options.record is None:
        texts = [json.loads(line) for line in sys.stdin]
        for ids in encode(tokenizer, texts):
            print(json.dumps(ids, separators=(",", ":")))
        return

    texts = [case["text"] for case in json.loads(options.record.read_text(encoding="utf-8"))["cases"]]
    record = {
        "made_by": "models/train/token_ids.py",
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "tokenizer_sha256": hashlib.sha256(options.tokenizer.read_bytes()).hexdigest(),
        "characters_sha256": sha256_of_lines(normalized_characters(tokenizer)),
        "pieces_sha256": sha256_of_lines([tokenizer.decode([id]) for id in range(len(tokenizer))]),
        "cases": [{"text": text, "input_ids": ids} for text, ids in zip(texts, encode(tokenizer, texts))],
    }
    options.record.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
