"""What `transformers` makes of texts with checkpoints, for `npm run models -- compare` and for a test.

    python reference.py [--tokenizers] < asked        needs transformers, and torch unless only the tokenizers are asked

Reads a JSON list of {"folder", "texts"}, and prints {"transformers", "answers"}: for each folder the tokenizer's class, and for each
text its ids, its offsets in code points, and for each mask the first choices with their logits, and the logarithm of the sum of all
e^logit; or {"error"}. Both spellings of the mask stand for the tokenizer's own.
"""

import json
import re
import sys

import transformers

CHOICES = 5


def describe(text: str, tokenizer, model) -> dict:
    spelled = re.sub(r"\[MASK\]|<mask>", lambda _: tokenizer.mask_token, text)
    encoding = tokenizer(spelled, return_offsets_mapping=True)
    described = {"text": spelled, "ids": encoding["input_ids"], "offsets": encoding["offset_mapping"]}
    if model is None:
        return described
    import torch

    ids = torch.tensor(described["ids"])
    with torch.no_grad():
        logits = model(**tokenizer(spelled, return_tensors="pt")).logits[0]
    rows = logits[(ids == tokenizer.mask_token_id).nonzero()[:, 0]]
    top = rows.topk(CHOICES)
    described["masks"] = [
        {"log_sum_exp": row.logsumexp(0).item(), "choices": list(zip(indices.tolist(), values.tolist()))}
        for row, indices, values in zip(rows, top.indices, top.values)
    ]
    return described


def answer(folder: str, texts: list[str], tokenizer_only: bool) -> dict:
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model = None
        if not tokenizer_only:
            model = transformers.AutoModelForMaskedLM.from_pretrained(folder).float().eval()
        return {"tokenizer": type(tokenizer).__name__, "texts": [describe(text, tokenizer, model) for text in texts]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    transformers.logging.set_verbosity_error()
    tokenizer_only = "--tokenizers" in sys.argv
    answers = [answer(one["folder"], one["texts"], tokenizer_only) for one in json.load(sys.stdin)]
    print(json.dumps({"transformers": transformers.__version__, "answers": answers}))


if __name__ == "__main__":
    main()
