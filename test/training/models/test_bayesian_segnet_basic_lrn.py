# SPDX-License-Identifier: Apache-2.0

import torch

from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.bayesian_segnet_basic_lrn import BayesianSegNetBasicLRN
from segnet_ros.training.models.segnet_basic_lrn import PictureResponseNorm


def test_it_is_bayesian_segnet_basic_behind_the_norm() -> None:
    torch.manual_seed(0)
    plain = BayesianSegNetBasic(5, kernel_size=3, width=4)
    network = BayesianSegNetBasicLRN(5, kernel_size=3, width=4)
    network.load_state_dict(plain.state_dict())
    picture = torch.randint(0, 256, (1, 3, 20, 36)).float()
    normalised = PictureResponseNorm()(picture)
    with torch.inference_mode():
        assert torch.equal(network.eval()(picture), plain.eval()(normalised))
        torch.manual_seed(1)
        sampled = network.train()(picture)
        torch.manual_seed(1)
        assert torch.equal(sampled, plain.train()(normalised))


def test_the_share_to_drop_is_passed_on() -> None:
    network = BayesianSegNetBasicLRN(5, kernel_size=3, width=4, probability=0.25)
    drops = [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)]
    assert drops == [0.25] * 4
