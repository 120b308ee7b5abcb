# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation's statistics, computed again for the weights that are kept.

While training, running averages trail behind the weights, and a moving average of the weights has
statistics that nobody ever measured. SegNet's released code recomputes them over the training set
before testing, and so do we.
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from segnet_ros.training.distributed import mean_over_processes


def with_recomputed_statistics(network: nn.Module, inputs: Iterable[Tensor]) -> nn.Module:
    """A network with its batch normalisation's statistics replaced by means over batches.

    Args:
        network: Left as it is.
        inputs: Batches of float [N, 3, H, W], this process's share; dropout is active, as in
            training. Not consumed if the network has no batch normalisation.

    Returns:
        A copy in evaluation mode; the network itself if there is nothing to recompute.

    """
    if not _norms(network):
        return network.eval()
    recomputed = copy.deepcopy(network)
    update_bn(inputs, recomputed)
    with torch.no_grad():
        for norm in _norms(recomputed):
            for statistics in (norm.running_mean, norm.running_var):
                assert statistics is not None
                statistics.copy_(mean_over_processes(statistics))
    return recomputed.eval()


def _norms(network: nn.Module) -> list[_BatchNorm]:
    found = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    return [norm for norm in found if norm.track_running_stats]
