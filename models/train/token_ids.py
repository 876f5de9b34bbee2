"""What `tokenizers` makes of texts, for the tokenizers of the worker to be held against.

    python token_ids.py <tokenizer> < texts > tokens    a JSON string a line to [ids, offsets] a line
    python token_ids.py <tokenizer> --texts <file> --record <file>
                                                        the same of the texts in a file, and a hash of what every id is
                                                        decoded to alone
    python token_ids.py --characters <file>             puts into the file what each component in it makes of Unicode

A tokenizer is a `tokenizer.json`, or a folder of an older form that `transformers` converts: `spiece.model` (which takes
`protobuf`), `vocab.txt`, or `vocab.json` and `merges.txt`. Offsets count code points. In Node, halves of surrogate pairs
are texts too; here they are not, so none may be given. `npm run format` puts a recorded file into its usual form.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer

MASKS = ("[MASK]", "<mask>")


def load(path: Path) -> Tokenizer:
    if path.is_file():
        return Tokenizer.from_file(str(path))
    if (path / "vocab.txt").exists():
        return transformers.BertTokenizerFast.from_pretrained(path).backend_tokenizer
    if (path / "spiece.model").exists():
        return transformers.AlbertTokenizerFast.from_pretrained(path).backend_tokenizer
    # A mask stands for a word with the blank before it, as in the `tokenizer.json` that was published.
    mask_token = AddedToken("<mask>", lstrip=True, normalized=False, special=True)
    return transformers.RobertaTokenizerFast.from_pretrained(path, mask_token=mask_token).backend_tokenizer


def spell_masks(tokenizer: Tokenizer, text: str) -> str:
    """Every mask as this tokenizer has it."""
    own = next(mask for mask in MASKS if tokenizer.token_to_id(mask) is not None)
    for mask in MASKS:
        text = text.replace(mask, own)
    return text


def encode(tokenizer: Tokenizer, texts: list[str]) -> list[tokenizers.Encoding]:
    return tokenizer.encode_batch([spell_masks(tokenizer, text) for text in texts])


def sha256_of_lines(lines: list[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def record(path: Path, texts: list[str]) -> dict:
    tokenizer = load(path)
    size = tokenizer.get_vocab_size()
    return {
        "made_by": "models/train/token_ids.py",
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "pieces_sha256": sha256_of_lines([tokenizer.decode([id], skip_special_tokens=False) for id in range(size)]),
        # Of each text, "id@start-end" for each token.
        "tokens": [
            " ".join(f"{id}@{start}-{end}" for id, (start, end) in zip(encoding.ids, encoding.offsets))
            for encoding in encode(tokenizer, texts)
        ],
    }


def blocks_of_characters() -> list[str]:
    """All that is likely to be in a text, 256 to a block, each between letters, numbers and signs."""
    points = (*range(0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20), *range(0xE0000, 0xE0200))
    between = [f"a{chr(point)}a1{chr(point)}1.{chr(point)}." for point in points]
    return ["".join(between[i : i + 256]) for i in range(0, len(between), 256)]


def apply(component: dict, text: str) -> str:
    """What a normalizer, a pre-tokenizer, or both, make of a text, with U+0000 between words."""
    model = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}
    tokenizer = Tokenizer.from_str(json.dumps({"version": "1.0", "added_tokens": [], "model": model, **component}))
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    if tokenizer.pre_tokenizer is not None:
        text = "\0".join(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer", type=Path, nargs="?")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--characters", type=Path)
    options = parser.parse_args()
    if options.characters:
        recorded = json.loads(options.characters.read_text(encoding="utf-8"))
        recorded |= {"made_by": "models/train/token_ids.py", "tokenizers": tokenizers.__version__}
        blocks = blocks_of_characters()
        for case in recorded["cases"]:
            case["sha256"] = sha256_of_lines([apply(case["component"], block) for block in blocks])
        options.characters.write_text(json.dumps(recorded, indent=2) + "\n", encoding="utf-8")
    elif options.record:
        recorded = record(options.tokenizer, json.loads(options.texts.read_text(encoding="utf-8")))
        options.record.write_text(json.dumps(recorded, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    else:
        for encoding in encode(load(options.tokenizer), [json.loads(line) for line in sys.stdin]):
            print(json.dumps([encoding.ids, encoding.offsets], separators=(",", ":")))


if __name__ == "__main__":
    main()
