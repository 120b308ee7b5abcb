# SPDX-License-Identifier: Apache-2.0

import onnxruntime
import torch
from torch import Tensor, nn

from segnet_ros.training.tracing import trace


class Halves(nn.Module):
    """Left and right half of a picture of any width."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        middle = image.shape[-1] // 2
        return image[..., :middle] + 1, image[..., middle:]


def test_graph_does_what_the_network_does() -> None:
    example = torch.zeros(1, 6)
    model = trace(Halves().eval(), example, ("left", "right"))
    assert [item.version for item in model.opset_import] == [17]
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert [port.name for port in session.get_inputs()] == ["image"]
    picture = torch.arange(6.0)[None].numpy()
    left, right = session.run(["left", "right"], {"image": picture})
    assert left.tolist() == [[1.0, 2.0, 3.0]]
    assert right.tolist() == [[3.0, 4.0, 5.0]]
