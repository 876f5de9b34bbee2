"""Text to what training reads: a tokenizer, token shards and first embeddings.

    python prepare.py --text <folder of *.txt or *.txt.xz> --out <folder> [--shards NAME ...]

A text file holds documents: a title line, then one paragraph per line, then a blank line. Writes under --out

    tokenizer.json        SentencePiece unigram (Kudo 2018), in the form the `tokenizers` library reads
    <shard>.npz           ids (tokens,) uint16; sentences (n + 1,) int64, where each sentence starts;
                          documents (m + 1,) int64, which sentence each document starts with
    embeddings.npz        embeddings (vocabulary, E) float32, log_unigram (vocabulary,) float32

What is already there is kept, so that an interrupted run continues. A shard named `valid` is held out.
"""

import argparse
import lzma
import os
import re
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

# The ids that ALBERT gives its special tokens.
SPECIAL = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)

# A blank after a full stop ends a sentence, unless the stop belongs to an initial or a title.
SENTENCE_END = re.compile(
    r"""(?:(?<=[.!?])|(?<=[.!?]["')]))(?<![A-Z]\.)(?<!Mr\.)(?<!Dr\.)(?<!St\.)(?<!Mrs\.)(?<!vs\.)\s+(?=["'(]?[A-Z])"""
)


def normalizer() -> normalizers.Normalizer:
    """Lower case without accents, as ALBERT has it, with typographic quotes and blanks made plain."""
    blanks = "\t\n\v\f\r \u0085\u1680\u2028\u2029"
    invisible = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
    return normalizers.Sequence(
        [
            normalizers.Replace(Regex(f"[{invisible}]"), ""),
            normalizers.Replace(Regex("``|''|[\u201c\u201d\u201e]"), '"'),
            normalizers.Replace(Regex("[\u2018\u2019]"), "'"),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(f"[{blanks}]+"), " "),
            normalizers.Strip(left=False, right=True),
        ]
    )


def read_documents(path: Path):
    """Yields documents as lists of paragraphs, the title left out."""
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


def train_tokenizer(paths: list[Path], size: int, sample_bytes: int, out: Path) -> Tokenizer:
    """Trains a unigram vocabulary of `size` pieces on an even sample of the files, about `sample_bytes` in all."""
    import sentencepiece

    clean = normalizer()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "sample.txt"
        with open(text, "w", encoding="utf-8") as file:
            total = sum(p.stat().st_size for p in paths)
            for path in paths:
                left = sample_bytes * path.stat().st_size / total
                for document in read_documents(path):
                    for paragraph in document:
                        for sentence in SENTENCE_END.split(paragraph):
                            line = clean.normalize_str(sentence).strip()
                            file.write(line + "\n")
                            left -= len(line.encode())
                    if left < 0:
                        break
        sentencepiece.SentencePieceTrainer.train(
            input=str(text),
            model_prefix=str(Path(folder) / "unigram"),
            model_type="unigram",
            vocab_size=size,
            character_coverage=0.9998,
            normalization_rule_name="identity",
            pad_id=PAD,
            unk_id=UNK,
            bos_id=-1,
            eos_id=-1,
            pad_piece=SPECIAL[PAD],
            unk_piece=SPECIAL[UNK],
            control_symbols=SPECIAL[CLS:],
            num_threads=os.cpu_count() or 1,
            minloglevel=1,
        )
        trained = sentencepiece.SentencePieceProcessor(model_file=str(Path(folder) / "unigram.model"))
        pieces = [(trained.id_to_piece(i), trained.get_score(i)) for i in range(trained.get_piece_size())]

    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=UNK, byte_fallback=False))
    tokenizer.normalizer = clean
    # "first": a text begins with a word; what follows a mask directly (a full stop, say) does not.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=True)
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="first", split=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    # The mask stands for a word with the blank before it, as ALBERT's does.
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False, lstrip=t == "[MASK]") for t in SPECIAL]
    )
    tokenizer.save(str(out))
    return tokenizer


def encode_shard(tokenizer: Tokenizer, path: Path, out: Path) -> None:
    """Tokenizes one file, sentence by sentence, without special tokens."""
    ids: list[np.ndarray] = []
    lengths: list[int] = []
    documents = [0]
    sentences: list[str] = []

    def flush() -> None:
        for encoding in tokenizer.encode_batch_fast(sentences, add_special_tokens=False):
            ids.append(np.asarray(encoding.ids, np.uint16))
            lengths.append(len(encoding.ids))
        sentences.clear()

    for document in read_documents(path):
        found = [s for paragraph in document for s in SENTENCE_END.split(paragraph) if s.strip()]
        sentences.extend(found)
        documents.append(documents[-1] + len(found))
        if len(sentences) > 20_000:
            flush()
    flush()
    starts = np.concatenate([[0], np.cumsum(lengths)])
    part = out.with_suffix(".part.npz")
    np.savez(part, ids=np.concatenate(ids), sentences=starts, documents=np.asarray(documents, np.int64))
    part.rename(out)
    print(f"{out.name}: {starts[-1]:,} tokens, {len(lengths):,} sentences, {len(documents) - 1:,} documents", flush=True)


def first_embeddings(shards: list[Path], size: int, width: int, window: int, out: Path) -> None:
    """Truncated SVD of the shifted-positive PMI matrix (Levy & Goldberg 2014; context counts to the power 3/4).

    A transformer must otherwise spend most of a short run finding out which words keep the same company.
    """
    import scipy.sparse

    pairs = np.zeros(size * size, np.float32)
    unigrams = np.zeros(size, np.int64)
    for shard in shards:
        ids = np.load(shard)["ids"].astype(np.int64)
        unigrams += np.bincount(ids, minlength=size)
        for distance in range(1, window + 1):
            counts = np.bincount(ids[:-distance] * size + ids[distance:], minlength=size * size)
            pairs += counts.astype(np.float32) * ((window + 1 - distance) / window)
    pairs = pairs.reshape(size, size)
    pairs = pairs + pairs.T
    row = pairs.sum(1)
    context = row**0.75
    rows, columns = np.nonzero(pairs > 1.5)
    value = pairs[rows, columns]
    pmi = np.log(value) - np.log(row[rows]) - np.log(context[columns] / context.sum())
    keep = pmi > 0
    matrix = scipy.sparse.csr_matrix((pmi[keep], (rows[keep], columns[keep])), shape=(size, size), dtype=np.float32)

    # Randomized range finder with four power steps (Halko, Martinsson & Tropp 2011).
    random = np.random.default_rng(0)
    basis = np.linalg.qr(matrix @ random.standard_normal((size, width + 32)).astype(np.float32))[0]
    for _ in range(4):
        basis = np.linalg.qr(matrix @ (matrix.T @ basis))[0]
    left, singular, _ = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    vectors = (basis @ left)[:, :width] * np.sqrt(singular[:width])
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.where(norms > 0, vectors / np.maximum(norms, 1e-9), random.standard_normal((size, width)) / width**0.5)
    log_unigram = np.log((unigrams + 0.5) / (unigrams.sum() + 0.5 * size))
    np.savez(out, embeddings=vectors.astype(np.float32), log_unigram=log_unigram.astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shards", nargs="*", help="which files, without endings; all of them if not given")
    parser.add_argument("--vocabulary", type=int, default=16_000)
    parser.add_argument("--embedding", type=int, default=128)
    parser.add_argument("--sample-megabytes", type=float, default=60)
    parser.add_argument("--window", type=int, default=5)
    options = parser.parse_args()
    if options.vocabulary > 1 << 16:
        parser.error("ids are kept in 16 bits: --vocabulary may be at most 65536")

    found = {p.name.split(".")[0]: p for p in sorted(options.text.glob("*.txt*"))}
    missing = [name for name in options.shards or [] if name not in found]
    if missing or not found:
        parser.error(f"{options.text} holds {', '.join(found) or 'no *.txt or *.txt.xz file'}; missing: {', '.join(missing)}")
    chosen = {n: p for n, p in found.items() if not options.shards or n in options.shards or n == "valid"}
    options.out.mkdir(parents=True, exist_ok=True)

    file = options.out / "tokenizer.json"
    if file.exists():
        tokenizer = Tokenizer.from_file(str(file))
    else:
        training = [p for n, p in chosen.items() if n != "valid"]
        tokenizer = train_tokenizer(training, options.vocabulary, int(options.sample_megabytes * 1e6), file)
    size = tokenizer.get_vocab_size()
    print(f"vocabulary: {size:,} pieces", flush=True)

    shards = []
    for name, path in chosen.items():
        out = options.out / f"{name}.npz"
        if not out.exists():
            encode_shard(tokenizer, path, out)
        if name != "valid":
            shards.append(out)
    if not (options.out / "embeddings.npz").exists():
        first_embeddings(shards, size, options.embedding, options.window, options.out / "embeddings.npz")
        print("embeddings: done", flush=True)


if __name__ == "__main__":
    main()
