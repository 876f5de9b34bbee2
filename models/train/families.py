"""Makes a tiny checkpoint of every family with seeded random weights, and records what `transformers` says of texts.

    python families.py <folder to write>                          for the tests: test/fixtures/families
    python families.py --record <checkpoint> <golden.json>        only what `transformers` says of another checkpoint

For each checkpoint a folder with `config.json`, `model.safetensors` and `tokenizer.json` (its vocabulary is learnt from the
documents of this repository), and `golden.json`: for some of the texts of models/probes.json input_ids, offsets in code
points, for each mask the logits of some ids, the best among them, and the logits of the sentence head.

The weights are drawn so that everything in a model shows in its logits: they spread over ± 5 and more, and gains, biases,
positions and types are far from doing nothing. What a checkpoint is written as (type, shards, names of old) differs, as
it does among published ones.
"""

import hashlib
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
LOGITS = 8  # for each mask: half of them the best, half drawn
HIDDEN, HEADS, WIDE, LAYERS, POSITIONS, PIECES = 32, 4, 64, 3, 512, 600

BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ALBERT_SPECIAL = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


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
        for head in ("sop_logits", "seq_relationship_logits"):
            if head in output:
                case["sentence_logits"] = [round(x, 6) for x in output[head][0].tolist()]
        cases.append(case)
    return cases


def write_golden(file: Path, cases: list[dict], **more: str) -> None:
    head = {
        "made_by": "models/train/families.py",
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "torch": torch.__version__,
        **more,
    }
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
    file.write_text(json.dumps(head, indent=2)[:-2] + f',\n  "cases": [\n{lines}\n  ]\n}}\n', encoding="utf-8")
    spread = [value for case in cases for mask in case["masks"] for value in mask["logits"].values()]
    print(f"{file}: {len(cases)} texts, logits from {min(spread):.1f} to {max(spread):.1f}")


def record_of(folder: Path, file: Path) -> None:
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    model = getattr(transformers, architecture).from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    write_golden(file, record(model, tokenizer, 0, every=9 * EVERY), checkpoint_sha256=weights)


def main() -> None:
    transformers.utils.logging.disable_progress_bar()
    if sys.argv[1] == "--record":
        return record_of(Path(sys.argv[2]), Path(sys.argv[3]))
    out = Path(sys.argv[1])
    for seed, (name, tokenizer, model, how) in enumerate(checkpoints()):
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        draw(model, seed)
        write(model, folder, **how)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        # From the files, so that what was lost in them is lost here too.
        model = type(model).from_pretrained(folder, dtype=torch.float32).eval()
        write_golden(folder / "golden.json", record(model, tokenizer, seed))


if __name__ == "__main__":
    main()
