"""The forward pass of `AlbertForPreTraining` on the weights of the class in `transformers`, for training.

It gives what the class gives (test/models/train.test.ts compares them) and is faster: query, key and value are one
product, attention is two batched products (on a CPU PyTorch's fused attention takes four times as long backwards), and
the last layer's output is computed only where it is read.

Sequences of a batch have one length, so nothing is masked out. B sequences, T tokens, H hidden, E embedding, V pieces.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AlbertForPreTraining


def linear(x: torch.Tensor, layer: nn.Linear) -> torch.Tensor:
    """In the type of `x`; the weights stay float32, and so do their gradients."""
    return F.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype))


def normalize(x: torch.Tensor, norm: nn.LayerNorm) -> torch.Tensor:
    return F.layer_norm(x, norm.normalized_shape, norm.weight.to(x.dtype), norm.bias.to(x.dtype), norm.eps)


def attend(x: torch.Tensor, attention: nn.Module, heads: int) -> torch.Tensor:
    """(B, T, H) to (B, T, H), before the output projection."""
    batch, length, size = x.shape
    parts = (attention.query, attention.key, attention.value)
    weight = torch.cat([p.weight for p in parts]).to(x.dtype)
    bias = torch.cat([p.bias for p in parts]).to(x.dtype)
    # (3, B, heads, T, H / heads)
    split = F.linear(x, weight, bias).view(batch, length, 3, heads, size // heads).permute(2, 0, 3, 1, 4)
    if x.is_cuda:
        mixed = F.scaled_dot_product_attention(split[0], split[1], split[2])
    else:
        query, key, value = (p.contiguous() for p in split)
        mixed = torch.softmax((query * (size // heads) ** -0.5) @ key.transpose(-1, -2), -1) @ value
    return mixed.transpose(1, 2).reshape(batch, length, size)


def hidden_states(
    model: AlbertForPreTraining, ids: torch.Tensor, types: torch.Tensor, positions: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """ids, types: (B, T) int64. positions: (P,) int64 into B * T. To (P, H): the encoder's output at those positions."""
    config, embeddings = model.config, model.albert.embeddings
    x = (
        F.embedding(ids, embeddings.word_embeddings.weight)
        + embeddings.position_embeddings.weight[: ids.shape[1]]
        + F.embedding(types, embeddings.token_type_embeddings.weight)
    )
    x = linear(normalize(x, embeddings.LayerNorm).to(dtype), model.albert.encoder.embedding_hidden_mapping_in)
    groups = model.albert.encoder.albert_layer_groups
    for i in range(config.num_hidden_layers):
        # Which group a layer belongs to, as AlbertTransformer has it.
        [layer] = groups[int(i / (config.num_hidden_layers / config.num_hidden_groups))].albert_layers
        mixed = attend(x, layer.attention, config.num_attention_heads)
        if i == config.num_hidden_layers - 1:
            x, mixed = (y.reshape(-1, config.hidden_size)[positions] for y in (x, mixed))
        x = normalize(x + linear(mixed, layer.attention.dense), layer.attention.LayerNorm)
        inner = linear(activate(linear(x, layer.ffn), config), layer.ffn_output)
        x = normalize(x + inner, layer.full_layer_layer_norm)
    return x


def activate(x: torch.Tensor, config) -> torch.Tensor:
    return F.gelu(x, approximate="none" if config.hidden_act == "gelu" else "tanh")


def word_logits(model: AlbertForPreTraining, hidden: torch.Tensor) -> torch.Tensor:
    """(P, H) to (P, V)"""
    head = model.predictions
    x = normalize(activate(linear(hidden, head.dense), model.config), head.LayerNorm)
    return F.linear(x, model.albert.embeddings.word_embeddings.weight.to(x.dtype), head.bias.to(x.dtype))


def order_logits(model: AlbertForPreTraining, first: torch.Tensor) -> torch.Tensor:
    """(B, H), the encoder's output at [CLS], to (B, 2): in order, swapped"""
    return linear(torch.tanh(linear(first, model.albert.pooler)), model.sop_classifier.classifier)
