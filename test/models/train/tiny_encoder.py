"""A BERT encoder of random weights with a vocabulary of 200 pieces, to begin a training of the tests with.

python tiny_encoder.py <text file> <folder>
"""

import sys

import tokenizers
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

text, folder = sys.argv[1:]
tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
tokenizer.normalizer = normalizers.BertNormalizer()
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.decoder = decoders.WordPiece()
special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
tokenizer.train([text], trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False))
tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
config = transformers.BertConfig(
    vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
)
transformers.BertModel(config).save_pretrained(folder)
tokenizer.save(f"{folder}/tokenizer.json")
