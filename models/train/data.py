"""Batches for masked-LM and sentence-order prediction, drawn from the shards that prepare.py writes.

Every sequence of a batch has exactly the requested length, so nothing is padded and attention needs no mask. The kinds:

    pairs    [CLS] A [SEP] B [SEP]: two runs of whole sentences that follow each other, swapped half of the time
             (sentence-order prediction, Lan et al. 2020); a sentence cut short at the end would give the order away.
             The first run begins a paragraph: two sentences from the middle of one often fit in either order
    singles  [CLS] A [SEP]: one whole sentence, what most people will send
    leads    the same, a sentence of a first paragraph: there an encyclopedia states its facts
    openings the first sentences of a document, three quarters of them as a pair: there the order of two segments is plainest

Masks are drawn again for each batch (dynamic masking, Liu et al. 2019) and cover whole words.
"""

import zipfile
from collections.abc import Iterator, Sequence
from multiprocessing import Value
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

# Share of the tokens to predict. All of them become [MASK], which is what the model is asked about: the random and the
# kept tokens of Devlin et al. (2019) bring nothing (Wettig et al. 2023, who also find 15 % to be too few).
MASKED_SHARE = 0.2
# How much more often a name or a number is masked than another word, in leads and openings (salient spans, Guu et al. 2020).
NAME_WEIGHT = 3.0
KINDS = ("pairs", "singles", "leads", "openings")
SHARES = (0.55, 0.25, 0.08, 0.12)  # of the batches, which have about the same number of tokens
SHORT = range(24, 257, 4)  # lengths of pairs and openings
LONG = range(320, 513, 32)  # half of them, later in a run
SINGLES = range(6, 65)


class Batch(NamedTuple):
    """input_ids, token_type_ids: (batch, length) int64. positions: (masks,) int64 into batch * length; labels:
    (masks,) int64. order: (batch,) int64, 1 where the segments are swapped, or None where there is one segment."""

    input_ids: np.ndarray
    token_type_ids: np.ndarray
    positions: np.ndarray
    labels: np.ndarray
    order: np.ndarray | None


class Vocabulary(NamedTuple):
    """What batches need of a tokenizer.json."""

    size: int
    digest: str
    cls: int
    sep: int
    mask: int
    starts_word: np.ndarray
    """(size,) bool"""


class Shard(NamedTuple):
    ids: np.ndarray
    names: np.ndarray
    sentences: np.ndarray
    leads: np.ndarray
    begins: np.ndarray
    documents: np.ndarray


def read_shard(path: Path, vocabulary: Vocabulary) -> Shard:
    """What prepare.py wrote. Exits with what to do where the file is not as it was written."""
    try:
        with np.load(path) as file:
            shard = Shard(*(file[name] for name in Shard._fields))
            digest = str(file["vocabulary"])
    except FileNotFoundError:
        raise SystemExit(f"{path} is missing. Run prepare.py to write it.") from None
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise SystemExit(f"{path} is damaged ({error}). Delete it and run prepare.py again.") from None
    ids, names, sentences, leads, begins, documents = shard
    whole = len(ids) == len(names) == sentences[-1] and len(leads) == len(begins) == len(sentences) - 1 == documents[-1]
    if len(ids) == 0 or not whole:
        raise SystemExit(f"{path} is damaged: its parts disagree. Delete it and run prepare.py again.")
    if digest != vocabulary.digest:
        raise SystemExit(f"{path} was written with another tokenizer.json. Delete it and run prepare.py again.")
    return shard


class Corpus:
    """Tokenized shards, kept in memory as on disk."""

    def __init__(self, shards: Sequence[Path], vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        read = [read_shard(path, vocabulary) for path in shards]
        offsets = np.cumsum([0] + [len(s.ids) for s in read])
        self.ids = np.concatenate([s.ids for s in read])
        self.names = np.concatenate([s.names for s in read])
        self.sentences = np.concatenate([s.sentences[:-1] + o for s, o in zip(read, offsets)])
        ends = [np.repeat(s.sentences[s.documents[1:]], np.diff(s.documents)) + o for s, o in zip(read, offsets)]
        self.document_end = np.concatenate(ends)
        self.lengths = np.diff(np.append(self.sentences, len(self.ids)))
        self.is_bound = np.zeros(len(self.ids) + 1, bool)
        self.is_bound[self.sentences] = self.is_bound[-1] = True
        leads = np.concatenate([s.leads for s in read])
        self.singles = {n: np.flatnonzero(self.lengths == n - 2) for n in SINGLES}
        self.leads = {n: found[leads[found]] for n, found in self.singles.items()}
        self.starts_document = np.append(True, self.document_end[1:] != self.document_end[:-1])
        self.starts_paragraph = np.concatenate([s.begins for s in read])
        self.runs: dict[tuple[int, bool], np.ndarray] = {}
        # Which lengths of SHORT and LONG some run of whole sentences has, [SEP] in between or not.
        self.pair_lengths = [[n for n in of if len(self.whole_runs(n - 3, False))] for of in (SHORT, LONG)]
        self.opening_lengths = [[n for n in of if len(self.whole_runs(n - 3, True))] for of in (SHORT, LONG)]

    def whole_runs(self, body: int, opening: bool) -> np.ndarray:
        """Sentences that begin a paragraph, or a document, and a run of whole sentences of `body` tokens exactly."""
        key = (body, opening)
        if key not in self.runs:
            first = np.flatnonzero(self.starts_document if opening else self.starts_paragraph)
            first = first[self.lengths[first] < body]  # two sentences at least
            first = first[self.sentences[first] + body <= self.document_end[first]]
            self.runs[key] = first[self.is_bound[self.sentences[first] + body]]
        return self.runs[key]

    def draw(self, random: np.random.Generator, tokens: int, long: bool = False) -> Batch:
        """A batch of about so many tokens, of a kind and a length that are drawn too. `long`: half of the pairs and
        openings have the lengths of LONG."""
        kind = random.choice(len(KINDS), p=SHARES)
        if KINDS[kind] in ("singles", "leads"):
            of = self.singles if KINDS[kind] == "singles" else self.leads
            counts = np.array([len(of[n]) for n in SINGLES], float)
            length = int(random.choice(list(SINGLES), p=counts / counts.sum()))
            return self.sentence(random, of[length], max(1, tokens // length), KINDS[kind] == "leads")
        opening = KINDS[kind] == "openings" and bool(self.opening_lengths[0])
        short_ones, long_ones = self.opening_lengths if opening else self.pair_lengths
        length = int(random.choice(long_ones if long and long_ones and random.random() < 0.5 else short_ones))
        rows = max(1, tokens // length)
        if opening and random.random() < 0.25 and len(found := self.whole_runs(length - 2, True)):
            return self.one_segment(random, self.sentences[random.choice(found, rows)], length, True)
        return self.pairs(random, rows, length, opening)

    def pairs(self, random: np.random.Generator, batch: int, length: int, opening: bool = False) -> Batch:
        body = length - 3
        ids = np.full((batch, length), self.vocabulary.sep, np.int64)
        types = np.zeros((batch, length), np.int64)
        names = np.zeros((batch, length), bool)
        ids[:, 0] = self.vocabulary.cls
        order = random.integers(0, 2, batch)
        for row, sentence in enumerate(random.choice(self.whole_runs(body, opening), batch)):
            start = self.sentences[sentence]
            window = self.ids[start : start + body]
            following = self.sentences[sentence + 1 : sentence + 1 + body] - start
            split = random.choice(following[following < body])
            first, second = (window[split:], window[:split]) if order[row] else (window[:split], window[split:])
            ids[row, 1 : 1 + len(first)] = first
            ids[row, 2 + len(first) : -1] = second
            types[row, 2 + len(first) :] = 1
        return self.mask(random, ids, types, names, order)

    def sentence(self, random: np.random.Generator, among: np.ndarray, batch: int, salient: bool) -> Batch:
        chosen = random.choice(among, batch)
        return self.one_segment(random, self.sentences[chosen], int(self.lengths[chosen[0]]) + 2, salient)

    def one_segment(self, random: np.random.Generator, starts: np.ndarray, length: int, salient: bool) -> Batch:
        at = starts[:, None] + np.arange(length - 2)
        ids = np.full((len(starts), length), self.vocabulary.sep, np.int64)
        names = np.zeros(ids.shape, bool)
        ids[:, 0] = self.vocabulary.cls
        ids[:, 1:-1] = self.ids[at]
        if salient:
            names[:, 1:-1] = self.names[at]
        return self.mask(random, ids, np.zeros_like(ids), names, None)

    def mask(
        self,
        random: np.random.Generator,
        ids: np.ndarray,
        types: np.ndarray,
        names: np.ndarray,
        order: np.ndarray | None,
    ) -> Batch:
        """Covers whole words until the share of a sequence is reached, names more often than others."""
        batch, length = ids.shape
        special = (ids == self.vocabulary.cls) | (ids == self.vocabulary.sep)
        begins = self.vocabulary.starts_word[ids] | special | np.roll(special, 1, axis=1)
        begins[:, 0] = True
        # Weighted sampling without replacement (Efraimidis & Spirakis 2006): the smallest of Exp(1) / weight.
        weight = np.where(names, NAME_WEIGHT, 1.0)
        key = np.where(special, np.inf, random.exponential(size=ids.shape) / weight)
        first = np.maximum.accumulate(np.where(begins, np.arange(length), 0), axis=1)  # where a token's word begins
        key = np.take_along_axis(key, first, 1)
        by_key = np.argsort(key, axis=1, kind="stable")
        rank = np.empty_like(by_key)
        np.put_along_axis(rank, by_key, np.broadcast_to(np.arange(length), ids.shape), 1)
        # A word is taken where fewer tokens than wanted come before it.
        wanted = np.maximum(1, np.round(MASKED_SHARE * (~special).sum(1)))
        taken = (np.take_along_axis(rank, first, 1) < wanted[:, None]) & ~special
        flat = np.flatnonzero(taken)
        labels = ids.ravel()[flat]
        ids.ravel()[flat] = self.vocabulary.mask
        return Batch(ids, types, flat, labels, order)


class Batches(torch.utils.data.IterableDataset):
    """Endless batches for a DataLoader. Batch k depends on the seed and on k alone, so that a run that is stopped goes on
    with the batch that comes next. Workers fork this process and share the corpus; each draws every n-th batch."""

    def __init__(self, corpus: Corpus, seed: int, first: int, tokens: int):
        self.corpus, self.seed, self.first, self.tokens = corpus, seed, first, tokens
        self.long = Value("b", False)

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        step = self.first + (worker.id if worker else 0)
        while True:
            random = np.random.default_rng([self.seed, step])
            yield self.corpus.draw(random, self.tokens, bool(self.long.value))
            step += worker.num_workers if worker else 1
