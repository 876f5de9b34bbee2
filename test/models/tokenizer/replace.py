"""What `tokenizers` makes of texts when each match of a pattern is replaced.

    python replace.py < asked

Reads a JSON list of [pattern, text], and prints a JSON list of the new texts, or null for a pattern that it does not take.
"""

import json
import sys

from tokenizers import Regex
from tokenizers.normalizers import Replace


def replace(pattern: str, text: str) -> str | None:
    try:
        normalizer = Replace(Regex(pattern), "_")
    except Exception:
        return None
    return normalizer.normalize_str(text)


if __name__ == "__main__":
    json.dump([replace(pattern, text) for pattern, text in json.load(sys.stdin)], sys.stdout)
