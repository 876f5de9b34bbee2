"""Makes a tiny checkpoint of every family with seeded random weights, and records what `transformers` says of texts.

    python families.py <folder to write>                          for the tests: test/fixtures/families
    python families.py --record <checkpoint> <golden.json>        only what `transformers` says of another checkpoint
    python families.py --pairs <folder>                           pairs and lists of ids anew, of checkpoints made before
    python families.py --pairs <checkpoint> <pairs.json>          the same of another one: test/fixtures/pairs.json

For each checkpoint a folder with `config.json`, `model.safetensors` and `tokenizer.json` (its vocabulary is learnt from the
documents of this repository), and `golden.json`: for some of the texts of models/probes.json input_ids, offsets in code
points, for each mask the logits of some ids, the best among them, and the logits of the sentence head; of PAIRS of texts
input_ids, token types, offsets in each of the two, and the logits of the sentence head; and the texts of lists of ids.

The weights are drawn so that everything in a model shows in its logits: they spread over ± 5 and more, and gains, biases,
positions and types are far from doing nothing. What a checkpoint is written as (type, shards, names of old) differs, as
it does among published ones.
"""

import hashlib
import inspect
import json
import shutil
import sys
from pathlib import Path

import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

REPOSITORY = Path(__file__).parent.parent.parent
EVERY = 5  # of the probe texts
LISTS = 24  # of ids, drawn at random
LOGITS = 8  # for each mask: half of them the best, half drawn
HIDDEN, HEADS, WIDE, LAYERS, POSITIONS, PIECES = 32, 4, 64, 3, 512, 600

BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ALBERT_SPECIAL = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


STORM = "The old harbour was rebuilt after the storm, and the fishermen were grateful for it."
BOATS = "Every morning two of their boats left before sunrise."
LONG = (
    "In the third year of the drought the town council sent an engineer up the valley to look for water. He walked for nine "
    "days, measured every spring, and wrote the figures into a small green notebook."
)
LONGER = (
    "When he came back, the notebook was wet through, because it had rained on the last day; nobody asked him for the figures "
    "any more. The engineer kept the notebook all the same. Years later his daughter found it in a drawer, dried and warped, "
    "and could still read the names of the springs."
)
PAIRS = [
    ("a", "b"),
    (STORM, BOATS),
    (BOATS, STORM),
    ("Café Müller – naïve, déjà vu 😀!", " Ça va?  Łódź 👍🏽 ½ 漢字 e\u0301."),
    ("I love [MASK] because", "you are <mask>  [SEP] </s>[PAD]"),
    ("  Don't do  not...", ""),
    (LONG, LONGER),
]


def texts_to_learn_from() -> list[str]:
    names = ["README.md", "CONTRIBUTING.md", "models/README.md"]
    lines = "\n".join((REPOSITORY / name).read_text(encoding="utf-8") for name in names).splitlines()
    return lines + json.loads((REPOSITORY / "models/probes.json").read_text(encoding="utf-8"))


def wordpiece(lowercase: bool) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=PIECES, special_tokens=BERT_SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts_to_learn_from(), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def byte_level() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    mask = tokenizers.AddedToken("<mask>", lstrip=True, normalized=False, special=True)
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES,
        special_tokens=[*ROBERTA_SPECIAL[:-1], mask],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts_to_learn_from(), trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def unigram() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.Replace("''", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(tokenizers.Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    mask = tokenizers.AddedToken("[MASK]", lstrip=True, normalized=False, special=True)
    trainer = trainers.UnigramTrainer(
        vocab_size=PIECES, special_tokens=[*ALBERT_SPECIAL[:-1], mask], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(texts_to_learn_from(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


SIZES = {
    "hidden_size": HIDDEN,
    "num_attention_heads": HEADS,
    "intermediate_size": WIDE,
    "num_hidden_layers": LAYERS,
    "max_position_embeddings": POSITIONS,
}


def checkpoints():
    """Name, tokenizer, model, and how it is written."""
    albert = {**SIZES, "embedding_size": 16, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    one, grouped = unigram(), unigram()
    size = one.get_vocab_size()
    yield "albert", one, transformers.AlbertForPreTraining(
        transformers.AlbertConfig(**albert, vocab_size=size, hidden_act="gelu_new")
    ), {"dtype": torch.float16}
    yield "albert-grouped", grouped, transformers.AlbertForMaskedLM(
        transformers.AlbertConfig(
            **{**albert, "num_hidden_layers": 4}, vocab_size=size, hidden_act="gelu", num_hidden_groups=2, inner_group_num=2
        )
    ), {"dtype": torch.bfloat16}
    uncased = wordpiece(True)
    yield "bert", uncased, transformers.BertForPreTraining(
        transformers.BertConfig(**SIZES, vocab_size=uncased.get_vocab_size())
    ), {"dtype": torch.float32, "names": {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}}
    cased = wordpiece(False)
    yield "bert-untied", cased, transformers.BertForMaskedLM(
        transformers.BertConfig(
            **SIZES, vocab_size=cased.get_vocab_size(), hidden_act="gelu_new", tie_word_embeddings=False
        )
    ), {"dtype": torch.float16, "max_shard_size": "150kB"}
    bytes_ = byte_level()
    yield "roberta", bytes_, transformers.RobertaForMaskedLM(
        transformers.RobertaConfig(
            **{**SIZES, "max_position_embeddings": POSITIONS + 2}, vocab_size=bytes_.get_vocab_size(), type_vocab_size=1,
            pad_token_id=1, bos_token_id=0, eos_token_id=2,
        )
    ), {"dtype": torch.float16}
    yield "distilbert", wordpiece(True), transformers.DistilBertForMaskedLM(
        transformers.DistilBertConfig(
            dim=HIDDEN, n_heads=HEADS, hidden_dim=WIDE, n_layers=LAYERS, max_position_embeddings=POSITIONS,
            vocab_size=uncased.get_vocab_size(),
        )
    ), {"dtype": torch.float32}


def draw(model: torch.nn.Module, seed: int) -> None:
    """Weights that are worth comparing; all of them exact in the type in which they are stored."""
    generator = torch.Generator().manual_seed(seed)
    normal = lambda like, width: torch.randn(like.shape, generator=generator) * width
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = "norm" in name.lower()
            if is_norm and name.endswith("weight"):
                parameter.copy_(1 + normal(parameter, 0.3))
            elif name.endswith("bias"):
                parameter.copy_(normal(parameter, 0.3 if is_norm else 0.15))
            elif any(part in name for part in ("_embeddings", "decoder")):
                parameter.copy_(normal(parameter, 0.5))
            else:
                # Wide, so that attention is keen, and a mask's logits follow from a few of the tokens around it.
                parameter.copy_(normal(parameter, 1.7 / parameter.shape[-1] ** 0.5))
    model.tie_weights()


def write(model: transformers.PreTrainedModel, folder: Path, dtype, names=None, max_shard_size="1GB") -> None:
    model.to(dtype).save_pretrained(folder, max_shard_size=max_shard_size)
    (folder / "generation_config.json").unlink(missing_ok=True)
    for file in folder.iterdir():
        file.chmod(0o644)
    if names:
        tensors = load_file(folder / "model.safetensors")
        for now, former in names.items():
            tensors = {name.replace(now, former): tensor for name, tensor in tensors.items()}
        # As published ones have it, which no one needs.
        tensors["bert.embeddings.position_ids"] = torch.arange(POSITIONS).unsqueeze(0)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def record(model: transformers.PreTrainedModel, tokenizer: tokenizers.Tokenizer, seed: int, every=EVERY) -> list[dict]:
    texts = json.loads((REPOSITORY / "models/probes.json").read_text(encoding="utf-8"))[::every]
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    mask = "<mask>" if "<mask>" in special else "[MASK]"
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for text in texts:
        spelled = text.replace("[MASK]", mask).replace("<mask>", mask)
        encoding = tokenizer.encode(spelled)
        if len(encoding.ids) > POSITIONS:
            continue
        ids = torch.tensor([encoding.ids])
        with torch.no_grad():
            output = model(input_ids=ids)
        logits = output.prediction_logits if "prediction_logits" in output else output.logits
        masks = []
        for position in (ids[0] == tokenizer.token_to_id(mask)).nonzero().flatten().tolist():
            row = logits[0, position].double()
            drawn = torch.randint(len(row), (LOGITS // 2,), generator=generator).tolist()
            chosen = sorted({*row.topk(LOGITS // 2).indices.tolist(), *drawn})
            masks.append({"best": row.argmax().item(), "logits": {str(i): round(row[i].item(), 6) for i in chosen}})
        case = {"text": spelled, "input_ids": encoding.ids, "offsets": [list(pair) for pair in encoding.offsets], "masks": masks}
        cases.append(case | sentence_logits(output))
    return cases


def record_pairs(model: transformers.PreTrainedModel, tokenizer: tokenizers.Tokenizer) -> dict[str, list[dict]]:
    """Of PAIRS, and of the texts that lists of ids are decoded to."""
    pairs = []
    for text, text_pair in PAIRS:
        encoding = tokenizer.encode(text, text_pair)
        case = {
            "text": text,
            "text_pair": text_pair,
            "input_ids": encoding.ids,
            "token_type_ids": encoding.type_ids,
            "offsets": [list(pair) for pair in encoding.offsets],
        }
        # DistilBERT has no types, and no such head.
        if "token_type_ids" in inspect.signature(model.forward).parameters:
            with torch.no_grad():
                output = model(
                    input_ids=torch.tensor([encoding.ids]), token_type_ids=torch.tensor([encoding.type_ids])
                )
            case |= sentence_logits(output)
        pairs.append(case)

    generator = torch.Generator().manual_seed(0)
    draw_below = lambda below: torch.randint(below, (1,), generator=generator).item()
    lists = [[], *(pair["input_ids"] for pair in pairs), *(pair["input_ids"][2:5] for pair in pairs)]
    lists += [[draw_below(tokenizer.get_vocab_size()) for _ in range(2 + draw_below(6))] for _ in range(LISTS)]
    decoded = [{"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False)} for ids in lists]
    return {"pairs": pairs, "decoded": decoded}


def sentence_logits(output) -> dict[str, list[float]]:
    heads = [output[head] for head in ("sop_logits", "seq_relationship_logits") if head in output]
    return {"sentence_logits": [round(x, 6) for x in head[0].tolist()] for head in heads}


def write_golden(file: Path, sections: dict[str, list[dict]], **more: str) -> None:
    head = {
        "made_by": "models/train/families.py",
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "torch": torch.__version__,
        **more,
    }
    written = json.dumps(head, indent=2)[:-2]
    for name, entries in sections.items():
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries)
        written += f',\n  "{name}": [\n{lines}\n  ]'
    file.write_text(written + "\n}\n", encoding="utf-8")
    masks = [mask for case in sections.get("cases", []) for mask in case["masks"]]
    spread = [value for mask in masks for value in mask["logits"].values()] or [float("nan")]
    counts = ", ".join(f"{len(entries)} {name}" for name, entries in sections.items())
    print(f"{file}: {counts}, logits from {min(spread):.1f} to {max(spread):.1f}")


def load(folder: Path) -> tuple[transformers.PreTrainedModel, tokenizers.Tokenizer]:
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, architecture).from_pretrained(folder, dtype=torch.float32).eval()
    return model, tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


def sha256_of_weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def record_of(folder: Path, file: Path) -> None:
    cases = record(*load(folder), 0, every=9 * EVERY)
    write_golden(file, {"cases": cases}, checkpoint_sha256=sha256_of_weights(folder))


def record_pairs_of(folder: Path, file: Path | None) -> None:
    if file:
        return write_golden(file, record_pairs(*load(folder)), checkpoint_sha256=sha256_of_weights(folder))
    for golden in sorted(folder.glob("*/golden.json")):
        cases = json.loads(golden.read_text(encoding="utf-8"))["cases"]
        write_golden(golden, {"cases": cases, **record_pairs(*load(golden.parent))})


def main() -> None:
    transformers.utils.logging.disable_progress_bar()
    if sys.argv[1] == "--record":
        return record_of(Path(sys.argv[2]), Path(sys.argv[3]))
    if sys.argv[1] == "--pairs":
        return record_pairs_of(Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
    out = Path(sys.argv[1])
    for seed, (name, tokenizer, model, how) in enumerate(checkpoints()):
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        draw(model, seed)
        write(model, folder, **how)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        # From the files, so that what was lost in them is lost here too.
        model = type(model).from_pretrained(folder, dtype=torch.float32).eval()
        write_golden(folder / "golden.json", {"cases": record(model, tokenizer, seed), **record_pairs(model, tokenizer)})


if __name__ == "__main__":
    main()
