# SPDX-License-Identifier: Apache-2.0
"""Recordings that are to be labelled, looked into before any model is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.labels.label_job import Destination
from segnet_ros.bags.labels.label_plan import LabelOptions, LabelPlan, plan_labels
from segnet_ros.bags.labels.provenance import recording_name, run_identity
from segnet_ros.bags.places import find_bags, is_url, join, local_path
from segnet_ros.bags.recording import Recording
from segnet_ros.bags.windows import cut
from segnet_ros.bags.work import Task
from segnet_ros.bags.writing.bag_folder import BagOutput
from segnet_ros.inference.model import Model, load_model
from segnet_ros.inference.shipped import find_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segnet_ros.bags.model_choice import ModelChoice
    from segnet_ros.bags.recorded import Fault


@dataclass(frozen=True)
class LabelRun:
    """The labelling of one recording.

    Attributes:
        bag: Path or URL of the recording.
        output: What its labels are written to; to be closed.
        destination: The same for a worker.
        tasks: What is left to do.
        frames: Camera frames in the recording; None if unknown.
        faults: What was found wrong on opening it.

    """

    bag: str
    output: BagOutput
    destination: Destination
    tasks: Sequence[Task]
    frames: int | None
    faults: Sequence[Fault]


def find_targets(inputs: Sequence[str], output: str) -> list[tuple[str, str]]:
    """Pair each recording with the place of its labels.

    Args:
        inputs: Recordings, or folders of them.
        output: The place itself for a single recording, a folder of the places for several.

    Raises:
        BagError: there are no recordings, two have the same name, or the output is among them.

    """
    for given in inputs:
        _refuse_inside(given, output)
    bags = [bag for given in inputs for bag in find_bags(given)]
    if len(bags) == 1:
        return [(bags[0], output)]
    names = [recording_name(bag) for bag in bags]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        msg = (
            f"several recordings are called {', '.join(twice)}; expected a name of its own for "
            f"each folder in {output}. Label them one by one"
        )
        raise BagError(msg)
    return [(bag, join(output, name)) for bag, name in zip(bags, names, strict=True)]


def open_run(
    bag: str, target: str, choice: ModelChoice, options: LabelOptions, resume: bool
) -> LabelRun:
    """Look into a recording and open its output.

    Args:
        bag: Path or URL.
        target: Of the labels.
        choice: The model.
        options: What is written.
        resume: Whether to go on with an interrupted run.

    Raises:
        InferenceError: there is no such model, runtime or taxonomy.
        BagError: the recording cannot be read, its topics are not clear, the model does not tell
            what is wanted, or `BagOutput` refuses.

    """
    model = load_model(find_model(choice.model))
    outputs = options.chosen_outputs(model.name, _may_tell_uncertainty(model))
    with Recording(bag) as recording:
        plan = plan_labels(recording, options, outputs)
        facts = {"topics": [*plan.cameras], "outputs": outputs, **options.facts()}
        output = BagOutput(target, run_identity(choice, recording, facts), plan.topics, resume)
        windows = [] if output.complete else cut(recording.start_ns, recording.stop_ns)
        return LabelRun(
            bag,
            output,
            Destination(target, output.staging),
            [Task(bag, window) for window in windows[output.done :]],
            _frames(recording, plan),
            recording.faults,
        )


def _refuse_inside(given: str, output: str) -> None:
    if is_url(given) or is_url(output):
        return
    source, target = Path(local_path(given)).resolve(), Path(local_path(output)).resolve()
    if source in (target, *target.parents):
        msg = (
            f"{output} lies in {given}, where the next run would take it for a recording; expected "
            "a place outside. Choose another one"
        )
        raise BagError(msg)


def _may_tell_uncertainty(model: Model) -> bool:
    """Whether a graph may have that output, without a library that reads graphs.

    ONNX files hold names as they are. If the word is there for another reason, the worker knows
    better, and only the list of topics has one without messages.
    """
    return b"uncertainty" in model.graph.read_bytes()


def _frames(recording: Recording, plan: LabelPlan) -> int | None:
    counts = [recording.topics[name].count for name in plan.cameras]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
