"""Batches for masked-LM and sentence-order prediction, drawn from the shards that prepare.py writes.

Every sequence of a batch has exactly the length asked for, so nothing is padded and attention needs no mask. Two kinds:

    pairs    [CLS] A [SEP] B [SEP]: two runs of whole sentences that follow each other, swapped half of the time
             (sentence-order prediction, Lan et al. 2020); a sentence cut short at the end would give the order away
    singles  [CLS] A [SEP]: one whole sentence, what most people will send

Masks are drawn anew for each batch (dynamic masking, Liu et al. 2019).
"""

import zipfile
from collections.abc import Iterator, Sequence
from multiprocessing import Value
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from prepare import CLS, MASK, SEP, SPECIAL

# Share of the tokens to predict. All of them become [MASK], which is what the model is asked about: the random and the
# kept tokens of Devlin et al. (2019) bring nothing (Wettig et al. 2023, who also find 15 % to be too few).
MASKED_SHARE = 0.2
SINGLES = 0.35  # share of the batches that are single sentences
# n-gram masking: p(n) is proportional to 1 / n for n up to 3 (Lan et al. 2020, equation 1).
NGRAM_P = np.array([6, 3, 2]) / 11


class Batch(NamedTuple):
    """input_ids, token_type_ids: (batch, length) int64. positions: (masks,) int64 into batch * length; labels:
    (masks,) int64. order: (batch,) int64, 1 where the segments are swapped, or None where there is one segment."""

    input_ids: np.ndarray
    token_type_ids: np.ndarray
    positions: np.ndarray
    labels: np.ndarray
    order: np.ndarray | None


def read_shard(path: Path, vocabulary: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ids, sentences and documents as prepare.py wrote them. Exits with what to do where they are not as it wrote them."""
    try:
        with np.load(path) as shard:
            ids, sentences, documents = shard["ids"], shard["sentences"], shard["documents"]
    except FileNotFoundError:
        raise SystemExit(f"{path} is missing. Run prepare.py to write it.") from None
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise SystemExit(f"{path} is damaged ({error}). Delete it and run prepare.py again.") from None
    if len(ids) == 0 or sentences[-1] != len(ids) or documents[-1] != len(sentences) - 1:
        raise SystemExit(f"{path} is damaged: its parts disagree. Delete it and run prepare.py again.")
    if ids.max() >= vocabulary:
        raise SystemExit(f"{path} was written with another tokenizer.json. Delete it and run prepare.py again.")
    return ids, sentences, documents


class Corpus:
    """Tokenized shards, kept in memory as they lie on disk."""

    def __init__(self, shards: list[Path], starts_word: np.ndarray):
        ids, sentences, ends = [], [], []
        offset = 0
        for path in shards:
            tokens, starts, documents = read_shard(path, len(starts_word))
            ids.append(tokens)
            sentences.append(starts[:-1] + offset)
            ends.append(np.repeat(starts[documents[1:]], np.diff(documents)) + offset)
            offset += len(tokens)
        self.ids = np.concatenate(ids)
        self.sentences = np.concatenate(sentences)
        self.document_end = np.concatenate(ends)
        self.lengths = np.diff(np.append(self.sentences, len(self.ids)))
        self.starts_word = starts_word
        self.by_length = {n: np.flatnonzero(self.lengths == n) for n in range(3, 63)}
        self.eligible: dict[int, np.ndarray] = {}

    def pairs(self, random: np.random.Generator, batch: int, length: int) -> Batch:
        body = length - 3
        if length not in self.eligible:
            # Runs of at least two sentences that have this many tokens exactly.
            ends = self.sentences + body
            whole = self.sentences[np.searchsorted(self.sentences, ends).clip(max=len(self.sentences) - 1)] == ends
            whole &= ends <= self.document_end
            self.eligible[length] = np.flatnonzero(whole & (self.lengths < body))
        ids = np.full((batch, length), SEP, np.int64)
        types = np.zeros((batch, length), np.int64)
        ids[:, 0] = CLS
        order = random.integers(0, 2, batch)
        for row, sentence in enumerate(random.choice(self.eligible[length], batch)):
            start = self.sentences[sentence]
            window = self.ids[start : start + body]
            following = self.sentences[sentence + 1 : sentence + 1 + body] - start
            split = random.choice(following[following < body])
            first, second = (window[split:], window[:split]) if order[row] else (window[:split], window[split:])
            ids[row, 1 : 1 + len(first)] = first
            ids[row, 2 + len(first) : -1] = second
            types[row, 2 + len(first) :] = 1
        return self.mask(random, ids, types, order)

    def singles(self, random: np.random.Generator, batch: int, length: int) -> Batch:
        starts = self.sentences[random.choice(self.by_length[length - 2], batch)]
        ids = np.full((batch, length), SEP, np.int64)
        ids[:, 0] = CLS
        ids[:, 1:-1] = self.ids[starts[:, None] + np.arange(length - 2)]
        return self.mask(random, ids, np.zeros_like(ids), None)

    def mask(self, random: np.random.Generator, ids: np.ndarray, types: np.ndarray, order: np.ndarray | None) -> Batch:
        """Covers runs of one to three whole words until the share is reached: the same number in each sequence."""
        batch, length = ids.shape
        wanted = max(1, round(MASKED_SHARE * (length - (2 if order is None else 3))))
        special = ids < len(SPECIAL)
        begins = self.starts_word[ids] | special | np.roll(special, 1, axis=1)
        positions = np.empty((batch, wanted), np.int64)
        for row in range(batch):
            # Word k is the tokens bounds[k] to bounds[k + 1].
            bounds = np.append(np.flatnonzero(begins[row]), length)
            words = len(bounds) - 1
            taken = np.zeros(length, bool)
            left = wanted
            sizes = random.choice(3, words, p=NGRAM_P) + 1
            for k, size in zip(random.permutation(words), sizes):
                for word in range(k, min(k + size, words)):
                    a, b = bounds[word], bounds[word + 1]
                    if special[row, a] or taken[a]:
                        break
                    b = min(b, a + left)
                    taken[a:b] = True
                    left -= b - a
                    if left == 0:
                        break
                if left == 0:
                    break
            found = np.flatnonzero(taken)
            if left:  # Hardly any word in it: what is missing is drawn from the rest.
                rest = np.flatnonzero(~taken & ~special[row])
                rest = rest if len(rest) >= left else np.flatnonzero(~taken)
                found = np.append(found, random.choice(rest, left, replace=False))
            positions[row] = found + row * length
        flat = positions.ravel()
        labels = ids.ravel()[flat]
        ids.ravel()[flat] = MASK
        return Batch(ids, types, flat, labels, order)


class Batches(torch.utils.data.IterableDataset):
    """Endless batches of about `tokens` tokens for a DataLoader, whose workers fork this process and share the corpus.

    `lengths` holds the lengths of pairs for each phase of the run, and `phase` says which it is.
    """

    def __init__(self, corpus: Corpus, seed: Sequence[int], tokens: int, lengths: Sequence[Sequence[int]]):
        self.corpus, self.seed, self.tokens, self.lengths = corpus, seed, tokens, lengths
        self.singles = [n for n in corpus.by_length if len(corpus.by_length[n]) >= 64]
        self.phase = Value("b", 0)

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        random = np.random.default_rng([*self.seed, worker.id if worker else 0])
        while True:
            if random.random() < SINGLES:
                length = int(random.choice(self.singles)) + 2
                yield self.corpus.singles(random, max(1, self.tokens // length), length)
            else:
                length = int(random.choice(self.lengths[self.phase.value]))
                yield self.corpus.pairs(random, max(1, self.tokens // length), length)
