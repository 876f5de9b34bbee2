"""What training needs to know of a tokenizer.json."""
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from data import Vocabulary
from prepare import digest


def read_vocabulary(path: Path) -> Vocabulary:
    if not path.exists():
        raise SystemExit(f"{path} is missing. Run prepare.py to write it.")
    tokenizer = Tokenizer.from_file(str(path))
    size = tokenizer.get_vocab_size()
    pieces = [tokenizer.id_to_token(i) for i in range(size)]
    cls, sep, mask = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]", "[MASK]"))
    return Vocabulary(size, digest(path), cls, sep, mask, np.array([not p.startswith("##") for p in pieces]))
