# SPDX-License-Identifier: Apache-2.0
"""What measuring a case means, by its subject. Runs in a process of its own: see `worker`."""

from collections.abc import Callable, Mapping
from typing import Any

from cases import (
    ACCURACY,
    CEILINGS,
    COMPILED,
    COMPILED_BITS,
    EAGER,
    ONNX_RUNTIME,
    PROBE,
    TENSORRT,
    Case,
)
from settings import Settings

Values = Mapping[str, Any]


def measure(settings: Settings, case: Case) -> Values:
    """Measure; whatever goes wrong is raised."""
    return _SUBJECTS[case.subject](settings, case)


# What a subject needs is imported for it alone: a machine may lack it, and importing takes time.


def _probe(_settings: Settings, case: Case) -> Values:
    from probe import probe

    return probe(case.network)


def _ceilings(settings: Settings, _case: Case) -> Values:
    from ceilings import measure_ceilings
    from devices import find_device

    return measure_ceilings(find_device(settings))


def _tensorrt(settings: Settings, case: Case) -> Values:
    from engine_timing import time_engine
    from random_models import random_model

    model = random_model(case.network, case.size, case.precision, settings.models)
    return time_engine(model, case.precision, case.batch, settings.engines, settings.seconds)


def _onnx_runtime(settings: Settings, case: Case) -> Values:
    from onnx_reference import time_onnx_runtime
    from random_models import random_model

    model = random_model(case.network, case.size, case.precision, settings.models)
    return time_onnx_runtime(model, case.precision, case.batch, settings.seconds)


def _eager(settings: Settings, case: Case) -> Values:
    from devices import find_device
    from torch_reference import time_network

    from segnet_ros.training.models.switches import IndexSwitching

    return time_network(case, IndexSwitching(), find_device(settings), compiled=False)


def _compiled(settings: Settings, case: Case) -> Values:
    from devices import find_device
    from torch_reference import time_network

    from segnet_ros.training.models.switches import IndexSwitching

    return time_network(case, IndexSwitching(), find_device(settings), compiled=True)


def _compiled_bits(settings: Settings, case: Case) -> Values:
    from devices import find_device
    from torch_reference import time_network

    from segnet_ros.training.models.switches import TwoBitSwitching

    return time_network(case, TwoBitSwitching(), find_device(settings), compiled=True)


def _accuracy(settings: Settings, case: Case) -> Values:
    from accuracy import check_accuracy
    from packed_data import read_models

    assert settings.data is not None
    models = {model.name: model for model in read_models(settings.data)}
    return check_accuracy(models[case.network], case.precision, settings.data, settings.engines)


_SUBJECTS: dict[str, Callable[[Settings, Case], Values]] = {
    PROBE: _probe,
    CEILINGS: _ceilings,
    TENSORRT: _tensorrt,
    ONNX_RUNTIME: _onnx_runtime,
    EAGER: _eager,
    COMPILED: _compiled,
    COMPILED_BITS: _compiled_bits,
    ACCURACY: _accuracy,
}
