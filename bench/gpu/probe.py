# SPDX-License-Identifier: Apache-2.0
"""Does this TensorRT run on this GPU at all? A convolution of nine pixels tells."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import torch
from cases import AS_IT_COMES, RAN
from onnx import TensorProto, helper, numpy_helper

from segnet_ros.inference.engine.gpu import find_gpu, why_no_gpu
from segnet_ros.inference.engine.tensorrt_api import (
    TensorRt,
    create_builder,
    create_config,
    create_network,
    find_tensorrt,
    parse_graph,
)
from segnet_ros.inference.errors import InferenceError

_SHAPE = (1, 3, 3, 3)
_STREAM = 0


def probe(target: str) -> Mapping[str, Any]:
    """Facts of the machine, and what became of an engine for one target of the builder.

    TensorRT-RTX builds for several GPUs at once, unless it is told for which. So a GPU that is not
    on its list may still be served by the target CURRENT, or as an older one.

    Args:
        target: `AS_IT_COMES`, or a name of the bindings' `ComputeCapability`.

    Raises:
        InferenceError: there is no TensorRT.

    """
    api = find_tensorrt()
    gpu = find_gpu()
    return {
        "tensorrt": api.name,
        "gpu": f"{gpu.name}, compute capability {gpu.compute_capability}" if gpu else why_no_gpu(),
        "driver": gpu.driver if gpu else "none",
        "verdict": _verdict(api, target),
    }


def _verdict(api: TensorRt, target: str) -> str:
    if target != AS_IT_COMES and not hasattr(api.module, "ComputeCapability"):
        return "no such choice"
    try:
        plan = _build(api, target)
    except InferenceError as error:
        return f"not built: {error}"
    engine = api.module.Runtime(api.logger).deserialize_cuda_engine(plan)
    if engine is None:
        return f"built, not loaded: {api.log.last_errors}"
    if not torch.cuda.is_available():
        return "built and loaded; PyTorch, which holds the test's memory, sees no GPU"
    return _run(api, engine)


def _build(api: TensorRt, target: str) -> bytes:
    api.log.clear()
    builder = create_builder(api)
    network = create_network(api, builder)
    parser = parse_graph(api, network, _graph())
    config = create_config(api, builder, "fp16")
    if target != AS_IT_COMES:
        config.num_compute_capabilities = 1
        config.set_compute_capability(api.module.ComputeCapability.__members__[target], 0)
    plan = builder.build_serialized_network(network, config)
    del parser
    if plan is None:
        raise InferenceError(api.log.last_errors)
    return bytes(plan)


def _run(api: TensorRt, engine: Any) -> str:
    context = engine.create_execution_context()
    if context is None:
        return f"loaded, no context: {api.log.last_errors}"
    image = torch.arange(27, dtype=torch.uint8, device="cuda").reshape(_SHAPE)
    answer = torch.full(_SHAPE, 255, dtype=torch.uint8, device="cuda")
    context.set_tensor_address("image", image.data_ptr())
    context.set_tensor_address("answer", answer.data_ptr())
    if not context.execute_async_v3(_STREAM):
        return f"loaded, not run: {api.log.last_errors}"
    torch.cuda.synchronize()
    return RAN if torch.equal(answer, 2 * image) else "ran, WRONG result"


def _graph() -> bytes:
    """Doubles bytes by a 1x1 convolution in fp16, as an exported network holds it."""
    kernels = numpy_helper.from_array(2 * np.eye(3, dtype=np.float16)[:, :, None, None], "kernels")
    nodes = [
        helper.make_node("Cast", ["image"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Conv", ["half", "kernels"], ["doubled"]),
        helper.make_node("Cast", ["doubled"], ["answer"], to=TensorProto.UINT8),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, _SHAPE)
        for name in ("image", "answer")
    ]
    graph = helper.make_graph(nodes, "probe", ports[:1], ports[1:], [kernels])
    opset = [helper.make_opsetid("", 17)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opset, ir_version=8)
    content: bytes = model.SerializeToString()
    return content
