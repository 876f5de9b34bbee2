"""Records what `transformers` says of the probe texts, for the tests to hold the served model against.

    python golden.py <folder of the checkpoint> <file to write>

For each text of models/probes.json: input_ids, and for each mask the five best ids with the text and the score of each,
from the checkpoint's own F16 weights computed in float32; and the two sentence-order logits.
"""

import collections
import hashlib
import json
import sys
from pathlib import Path

import tokenizers
import torch
import transformers

TOP_K = 5
# Below these the recorded choices would be too much alike for a wrong model to be noticed.
LEAST_DISTINCT, MOST_FREQUENT = 60, 0.15


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    texts = json.loads((Path(__file__).parent.parent / "probes.json").read_text(encoding="utf-8"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), mask_token="[MASK]")
    model = transformers.AlbertForPreTraining.from_pretrained(folder, dtype=torch.float32).eval()
    mask = tokenizer.mask_token_id

    cases, first = [], collections.Counter()
    for text in texts:
        ids = tokenizer(text.replace("<mask>", "[MASK]"), return_tensors="pt")["input_ids"]
        with torch.no_grad():
            output = model(ids)
        masks = []
        for position in (ids[0] == mask).nonzero().flatten().tolist():
            scores, tokens = output.prediction_logits[0, position].double().softmax(-1).topk(TOP_K)
            first[tokens[0].item()] += 1
            masks.append(
                [
                    {"token": t, "token_str": tokenizer.decode([t]), "score": round(s, 8)}
                    for t, s in zip(tokens.tolist(), scores.tolist())
                ]
            )
        cases.append(
            {
                "text": text,
                "input_ids": ids[0].tolist(),
                "masks": masks,
                "sop_logits": [round(x, 6) for x in output.sop_logits[0].tolist()],
            }
        )

    total = sum(first.values())
    token, count = first.most_common(1)[0]
    print(f"{len(cases)} texts, {total} masks, {len(first)} distinct first choices; {tokenizer.decode([token])!r} on {count / total:.1%}")
    if len(first) < LEAST_DISTINCT or count / total > MOST_FREQUENT:
        raise SystemExit("the model's choices are too much alike to test with: train it longer")
    record = {
        "made_by": "models/train/golden.py",
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "torch": torch.__version__,
        "checkpoint_sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
    }
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
    out.write_text(json.dumps(record, indent=2)[:-2] + f',\n  "cases": [\n{lines}\n  ]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
