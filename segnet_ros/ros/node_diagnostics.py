# SPDX-License-Identifier: Apache-2.0
"""The node's own diagnostics: state, model, engine, clock."""

from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.ros.health import NodeHealth
from segnet_ros.ros.problem import Problem, errors, warnings

_STATES = {
    "unconfigured": "no labels; `ros2 lifecycle set {name} configure`, then activate",
    "configuring": "the model is being loaded",
    "inactive": "no labels; `ros2 lifecycle set {name} activate`",
    "finalized": "no labels any more; start the node anew",
}


def node_problems(node: NodeHealth) -> list[Problem]:
    """What is wrong with the node; the cameras have statuses of their own."""
    failure = node.engine.failure if node.engine else ""
    return [
        *errors(
            [
                f"the node ends: {node.hang}" if node.hang else "",
                f"the engine failed: {failure}" if failure else "",
                f"cannot configure: {node.refusal}" if node.refusal else "",
            ]
        ),
        *warnings([_not_active(node), _clock_problem(node), _swap_problem(node)]),
    ]


def node_message(node: NodeHealth) -> str:
    """What the node does while nothing is wrong."""
    return f"active: {node.model}" + (f"; {node.swap}" if node.swap else "")


def node_values(node: NodeHealth) -> dict[str, str]:
    """Everything that is known of the node."""
    return {
        "state": node.state,
        "model": node.model,
        "model version": str(node.version),
        "model sha256": node.sha256,
        "taxonomy": node.taxonomy or "the model's own classes",
        "runtime": node.runtime,
        "precision asked": node.precision,
        "precision used": node.engine.layers if node.engine else node.runtime,
        "engine": _engine_state(node),
        **_engine_facts(node.engine),
        "model swap": node.swap,
        "refused swap": node.swap_failure,
        "clock": _clock(node),
        "clock jumps": str(node.clock_jumps),
        "last clock jump": node.last_jump,
        "missing packages": "; ".join(node.missing),
        "last error": node.hang or node.refusal,
    }


def _not_active(node: NodeHealth) -> str:
    if node.state == "active":
        return ""
    if node.engine_build:
        return f"{node.state}: {node.engine_build}"
    words = _STATES.get(node.state, "no labels until the node is active")
    return f"{node.state}: {words.format(name=node.full_name)}"


def _swap_problem(node: NodeHealth) -> str:
    if not node.swap_failure:
        return ""
    return f"{node.model} (version {node.version}) stays in use: {node.swap_failure}"


def _clock_problem(node: NodeHealth) -> str:
    if not node.sim_time and node.clock_publishers:
        return (
            "somebody publishes /clock, which this node does not follow: for a recording or a "
            f"simulator, `ros2 param set {node.full_name} use_sim_time true`"
        )
    if not node.sim_time or node.clock_running:
        return ""
    if node.clock_publishers:
        return "use_sim_time is set and /clock stands still: is the playback paused?"
    return (
        "use_sim_time is set, but nobody publishes /clock: `ros2 bag play --clock`, or `ros2 param "
        f"set {node.full_name} use_sim_time false`"
    )


def _clock(node: NodeHealth) -> str:
    if not node.sim_time:
        return "system"
    return "/clock" if node.clock_running else "/clock, standing still"


def _engine_state(node: NodeHealth) -> str:
    if node.engine_build:
        return node.engine_build
    if node.engine is None:
        return f"none ({node.runtime} needs none)" if node.runtime else "none"
    if node.engine.failure:
        return f"failed: {node.engine.failure}"
    return f"loaded: {node.engine.fingerprint.precision} ({node.engine.layers})"


def _engine_facts(engine: EngineStatus | None) -> dict[str, str]:
    if engine is None:
        return {}
    return {
        "engine fingerprint": engine.fingerprint.digest,
        "engine built for": _origin(engine.fingerprint),
        "golden agreement": f"{engine.agreement:.4f}",
        "GPU memory [MiB]": f"{engine.gpu_memory / 2**20:.1f}",
        "GPU recoveries": str(engine.recoveries),
    }


def _origin(fingerprint: Fingerprint) -> str:
    """Such as "TensorRT 10.3.0, Orin (8.7), driver 540.4, CUDA 12.6, L4T 36.4.3 MAXN, batch 1"."""
    facts = [
        f"{fingerprint.flavour} {fingerprint.version}",
        f"{fingerprint.gpu} ({fingerprint.compute_capability})",
        f"driver {fingerprint.driver}",
        f"CUDA {fingerprint.cuda}",
        f"L4T {fingerprint.l4t} {fingerprint.power_mode}" if fingerprint.l4t else "",
        f"batch {fingerprint.batch}",
    ]
    return ", ".join(filter(None, facts))
