# SPDX-License-Identifier: Apache-2.0

import numpy as np
import onnx
from onnx import numpy_helper

from segnet_ros.training.cpu_graph import _store_weights_in_half


def test_values_that_half_precision_cannot_hold_stay_as_they_are() -> None:
    exact = np.full(300, 0.5, np.float32)
    odd = np.full(300, 0.1, np.float32)
    tensors = [numpy_helper.from_array(exact, "exact"), numpy_helper.from_array(odd, "odd")]
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], tensors))
    _store_weights_in_half(model)
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert stored["odd"].dtype == np.float32
    assert np.array_equal(stored["odd"], odd)
    assert stored["exact_float16"].dtype == np.float16
    assert [(n.op_type, list(n.output)) for n in model.graph.node] == [("Cast", ["exact"])]
