"""Text to token shards, for train.py.

    python prepare.py --text <folder of *.txt or *.txt.xz> --tokenizer <tokenizer.json> --out <folder> [--shards NAME ...]

A text file holds documents: a title line, then one paragraph per line, then a blank line. Writes under --out

    tokenizer.json        a copy of the one that was given: WordPiece, in the form the `tokenizers` library reads
    <shard>.npz           ids        (tokens,) uint16
                          names      (tokens,) bool: the piece begins a capitalised word or a number, but no sentence
                          sentences  (n + 1,) int64, where each sentence starts
                          leads      (n,) bool: the sentence is in the first paragraph of its document
                          begins     (n,) bool: the sentence begins a paragraph
                          documents  (m + 1,) int64, which sentence each document starts with
                          vocabulary the SHA-256 of tokenizer.json

A shard that is already there is kept, so an interrupted run continues. A shard named `valid` is held out.
"""

import argparse
import hashlib
import lzma
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

# A space after a full stop ends a sentence, unless the stop belongs to an initial or a title.
SENTENCE_END = re.compile(
    r"""(?:(?<=[.!?])|(?<=[.!?]["')]))(?<![A-Z]\.)(?<!Mr\.)(?<!Dr\.)(?<!St\.)(?<!Mrs\.)(?<!vs\.)\s+(?=["'(]?[A-Z])"""
)


def read_documents(path: Path) -> Iterator[list[str]]:
    """Yields documents as lists of paragraphs. The title is left out."""
    opened = lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else open(path, encoding="utf-8")
    with opened as lines:
        document: list[str] = []
        for line in lines:
            line = line.rstrip("\n")
            if line:
                document.append(line)
            elif document:
                yield document[1:]
                document = []
        if document:
            yield document[1:]


def digest(tokenizer: Path) -> str:
    return hashlib.sha256(tokenizer.read_bytes()).hexdigest()


def encode_shard(tokenizer: Tokenizer, vocabulary: str, path: Path, out: Path) -> None:
    """Tokenizes one file, sentence by sentence, without special tokens."""
    ids: list[np.ndarray] = []
    names: list[np.ndarray] = []
    lengths: list[int] = []
    leads: list[bool] = []
    begins: list[bool] = []
    documents = [0]
    sentences: list[str] = []

    def flush() -> None:
        for text, encoding in zip(sentences, tokenizer.encode_batch(sentences, add_special_tokens=False)):
            ids.append(np.asarray(encoding.ids, np.uint16))
            first = (text[start] for start, _ in encoding.offsets)
            names.append(np.fromiter((c.isupper() or c.isdigit() for c in first), bool, len(encoding.ids)))
            names[-1][:1] = False
            lengths.append(len(encoding.ids))
        sentences.clear()

    for document in read_documents(path):
        for number, paragraph in enumerate(document):
            found = [s for s in SENTENCE_END.split(paragraph) if s.strip()]
            sentences.extend(found)
            leads.extend([number == 0] * len(found))
            begins.extend(k == 0 for k in range(len(found)))
        documents.append(len(leads))
        if len(sentences) > 20_000:
            flush()
    flush()
    starts = np.concatenate([[0], np.cumsum(lengths)])
    part = out.with_suffix(".part.npz")
    np.savez(
        part,
        ids=np.concatenate(ids),
        names=np.concatenate(names),
        sentences=starts,
        leads=np.asarray(leads, bool),
        begins=np.asarray(begins, bool),
        documents=np.asarray(documents, np.int64),
        vocabulary=np.asarray(vocabulary),
    )
    part.rename(out)
    print(f"{out.name}: {starts[-1]:,} tokens, {len(lengths):,} sentences, {len(documents) - 1:,} documents", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shards", nargs="*", help="which files, without endings; all of them if not given")
    options = parser.parse_args()

    found = {p.name.split(".")[0]: p for p in sorted(options.text.glob("*.txt*"))}
    missing = [name for name in options.shards or [] if name not in found]
    if missing or not found:
        parser.error(f"{options.text} holds {', '.join(found) or 'no *.txt or *.txt.xz file'}; missing: {', '.join(missing)}")
    chosen = {n: p for n, p in found.items() if not options.shards or n in options.shards or n == "valid"}
    options.out.mkdir(parents=True, exist_ok=True)

    copy = options.out / "tokenizer.json"
    if copy.exists() and digest(copy) != digest(options.tokenizer):
        parser.error(f"{options.out} holds shards of another tokenizer.json. Use another --out.")
    shutil.copyfile(options.tokenizer, copy)
    tokenizer = Tokenizer.from_file(str(copy))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    size = tokenizer.get_vocab_size()
    if size > 1 << 16:
        parser.error(f"{options.tokenizer} has {size:,} pieces: ids are kept in 16 bits, so at most 65,536 fit.")
    for name, path in chosen.items():
        out = options.out / f"{name}.npz"
        if not out.exists():
            encode_shard(tokenizer, digest(copy), path, out)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
