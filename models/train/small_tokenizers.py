"""Tokenizers of a few hundred pieces, of every kind that the worker reads, for its tests.

    python small_tokenizers.py --text <file> ... --out <folder>

They learn from the texts given, which are English prose of any kind, and from the few lines below. Training breaks ties
at random: what is written is another tokenizer each time, and token_ids.py has to record anew what it makes of texts.
"""

import argparse
import json
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
PIECES = 700

LINES = [
    "The children were walking, talking and singing all the way to Paris; nobody was unhappy.",
    "I don't know, we'll see, they've gone, you're right, I'm here and she'd said it's John's.",
    "In 1999 and 2024 there were 12,345 of them, or 3.14 % (about £5 or €6).",
    "Café, naïve, Ångström, Zürich, São Paulo, İstanbul, Straße, Ελλάδα, ΣΑΣ, Москва, Ёлка.",
    "東京は日本の首都です。我爱北京天安门。カタカナ ガギグゲゴ 서울 각 한국어",
    "שלום עולם, مرحبا بالعالم, नमस्ते दुनिया, สวัสดี, 👍🏽 😀 🇫🇷 👨‍👩‍👧",
    "ﬁnance ﬂoor Ⅷ ① ½ ² ﷺ ™ … – — “quoted” ‘so’ «here»",
]
# Of each sort of SentencePiece's own rules: one to many, many to one, to nothing, and one to one.
RULES = {
    "ﬁ": "fi",
    "ﬂ": "fl",
    "Ⅷ": "VIII",
    "½": "1⁄2",
    "…": "...",
    "™": "TM",
    "\u3000": " ",
    "\u00a0": " ",
    "\t": " ",
    "\n": " ",
    "\r": " ",
    "\u00ad": "",
    "\u200b": " ",
    "カ\u3099": "ガ",
    "ｶﾞ": "ガ",
    "ｶ": "カ",
    "e\u0301": "é",
    "a\u0301": "á",
    "Ａ": "A",
    "ａ": "a",
}


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_tokenizer(tokenizer: Tokenizer, path: Path, change=lambda value: value) -> None:
    write_json(path, change(json.loads(tokenizer.to_str())))


def write_vocabulary(out: Path, lines: list[str], lowercase: bool) -> None:
    """BERT's, as `vocab.txt`."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=PIECES, special_tokens=BERT, show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    vocabulary = tokenizer.get_vocab()
    out.mkdir(parents=True, exist_ok=True)
    pieces = sorted(vocabulary, key=vocabulary.get)
    (out / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    if not lowercase:
        flags = {"lstrip": True, "rstrip": True, "normalized": False, "single_word": False}
        mask = {"__type": "AddedToken", "content": "[MASK]", **flags}
        write_json(out / "tokenizer_config.json", {"do_lower_case": False, "cls_token": "[CLS]", "mask_token": mask})


def train_byte_level(lines: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES, special_tokens=ROBERTA, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def write_merges(out: Path, tokenizer: Tokenizer) -> None:
    """RoBERTa's, as `vocab.json` and `merges.txt`."""
    model = json.loads(tokenizer.to_str())["model"]
    write_json(out / "vocab.json", model["vocab"])
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"])]
    (out / "merges.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_byte_level_of_another_form(path: Path, tokenizer: Tokenizer) -> None:
    """A blank before every text, an unusual normalizer, tokens of every sort, and merges of an older form."""
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s{3,}"), "  ")])
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Punctuation(), byte_level])
    template = processors.TemplateProcessing(
        single="<s>:0 $A:1 </s>:1", pair="<s>:0 $A:0 </s>:0 $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), template])
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip("!", 1, 0)])
    tokenizer.add_tokens(
        [
            AddedToken("Café", normalized=True, single_word=True),
            AddedToken("walk", normalized=False, single_word=True, rstrip=True),
            AddedToken("walking", normalized=False, lstrip=True, rstrip=True),
            AddedToken(" e\u0301\u0301", normalized=True),
        ]
    )

    def age(value: dict) -> dict:
        model = value["model"]
        value["model"] = {**model, "ignore_merges": True, "merges": [" ".join(pair) for pair in model["merges"]]}
        return value

    write_tokenizer(tokenizer, path, age)


def write_wordpiece_of_another_form(path: Path, lines: list[str]) -> None:
    """Without BERT's own normalizer and splitting; the model does not say what it is, as in older files."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=12))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordPieceTrainer(
        vocab_size=PIECES, special_tokens=BERT, continuing_subword_prefix="@@", show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece(prefix="@@", cleanup=False)

    def age(value: dict) -> dict:
        del value["model"]["type"]
        value["model"] |= {"continuing_subword_prefix": "@@", "max_input_chars_per_word": 12}
        return value

    write_tokenizer(tokenizer, path, age)


def write_sentencepiece(out: Path, lines: list[str]) -> None:
    """ALBERT's, as `spiece.model`, with rules small enough to be kept."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.tsv"
        code = lambda text: " ".join(f"{ord(character):x}" for character in text)
        rules.write_text("".join(f"{code(given)}\t{code(made)}\n" for given, made in RULES.items()), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_prefix=f"{folder}/spiece",
            vocab_size=PIECES,
            normalization_rule_tsv=str(rules),
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            control_symbols="[CLS],[SEP],[MASK]",
            user_defined_symbols="(,),£",
            num_threads=1,
            minloglevel=2,
        )
        (out / "spiece.model").write_bytes((Path(folder) / "spiece.model").read_bytes())


def write_unigram_of_another_form(path: Path, lines: list[str]) -> None:
    """U+2581 only before the very first word, words not split, and a decoder in steps."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(left=True, right=True),
            normalizers.Prepend("_"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.UnigramTrainer(
        vocab_size=PIECES, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    write_tokenizer(tokenizer, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    lines = LINES * 3 + [line for path in options.text for line in path.read_text(encoding="utf-8").splitlines() if line]

    write_vocabulary(options.out / "wordpiece-uncased", lines, lowercase=True)
    write_vocabulary(options.out / "wordpiece-cased", lines, lowercase=False)
    write_wordpiece_of_another_form(options.out / "wordpiece-whitespace" / "tokenizer.json", lines)
    byte_level = train_byte_level(lines)
    write_merges(options.out / "byte-level", byte_level)
    write_byte_level_of_another_form(options.out / "byte-level-prefixed" / "tokenizer.json", byte_level)
    write_sentencepiece(options.out / "unigram", lines)
    write_unigram_of_another_form(options.out / "unigram-whole" / "tokenizer.json", lines)


if __name__ == "__main__":
    main()
