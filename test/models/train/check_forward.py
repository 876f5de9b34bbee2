"""Whether the forward pass of training gives what the class in `transformers` gives: prints the largest difference.

python check_forward.py <models/train>
"""

import sys

import torch
import transformers

sys.path.insert(0, sys.argv[1])
from forward import hidden_states, order_logits, word_logits  # noqa: E402

torch.manual_seed(0)
worst = 0.0
for layers, groups, activation in ((4, 4, "gelu"), (6, 4, "gelu_new"), (4, 1, "gelu")):
    config = transformers.AlbertConfig(
        vocab_size=99, embedding_size=16, hidden_size=32, num_hidden_layers=layers, num_hidden_groups=groups, num_attention_heads=2,
        intermediate_size=64, hidden_act=activation, hidden_dropout_prob=0, attention_probs_dropout_prob=0, classifier_dropout_prob=0,
    )  # fmt: skip
    model = transformers.AlbertForPreTraining(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        ids, types = torch.randint(0, 99, (3, 20)), torch.arange(20).ge(9).long().expand(3, 20)
        expected = model(ids, token_type_ids=types)
        hidden = hidden_states(model, ids, types, torch.arange(60), torch.float32)
        words = word_logits(model, hidden).view(3, 20, 99) - expected.prediction_logits
        order = order_logits(model, hidden[::20]) - expected.sop_logits
    worst = max(worst, words.abs().max().item(), order.abs().max().item())
print(worst)
