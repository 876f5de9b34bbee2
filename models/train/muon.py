"""Muon: momentum whose matrix is made orthogonal before it is applied.

After Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024): Nesterov momentum and five
Newton-Schulz steps. `torch.optim.Muon` is the same in bfloat16 whatever the device, which is fifty times as slow as
float32 on a CPU without instructions for it.
"""

import torch


def orthogonalize(matrix: torch.Tensor) -> torch.Tensor:
    """(rows, columns) float32 to the same shape, singular values moved to about one."""
    a, b, c = 3.4445, -4.7750, 2.0315  # the quintic of the source
    x = matrix.to(torch.bfloat16) if matrix.is_cuda else matrix
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x if wide else x.T).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """For the matrices of hidden layers. `lr` is the spectral norm of a step for a square matrix."""

    def __init__(self, parameters, lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalize(parameter.grad.lerp(state["momentum"], group["momentum"]))
                rows, columns = parameter.shape
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)
