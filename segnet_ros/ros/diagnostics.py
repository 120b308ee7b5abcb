"""What the node tells about itself on /diagnostics."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.time import Time
from std_msgs.msg import Header

from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.ros.latency import PERCENTILES
from segnet_ros.ros.newest_frame_worker import Books

SILENCE_SECONDS = 3.0
_FAILING = 3


@dataclass(frozen=True)
class Health:
    """A snapshot of the running node.

    Attributes:
        state: Lifecycle state, such as "active".
        engine_build: An engine's build in progress, in words; empty if there is none.
        model: Name of the model; empty while unconfigured.
        runtime: `Segmenter.runtime`; empty while unconfigured.
        engine: `Segmenter.engine`.
        topic: The camera's full topic name; empty while inactive.
        publishers: How many cameras publish there.
        silence: Seconds since the last image or, before the first, since activation.
        books: What became of every frame since the node was configured.
        failures_in_a_row: Frames that failed since the last one that did not.
        latency_ms: `LatencyLog.percentiles_ms`.
        last_error: The newest failure's text; empty if there was none.
    """

    state: str
    engine_build: str = ""
    model: str = ""
    runtime: str = ""
    engine: EngineStatus | None = None
    topic: str = ""
    publishers: int = 0
    silence: float = 0.0
    books: Books = field(default_factory=Books)
    failures_in_a_row: int = 0
    latency_ms: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    last_error: str = ""


def silence_explained(health: Health) -> str:
    """Why no labels come although the node is active; empty if images arrive."""
    if health.state != "active" or health.silence < SILENCE_SECONDS:
        return ""
    if health.publishers == 0:
        return (
            f"no image for {health.silence:.0f} s: nobody publishes {health.topic}; start the "
            "camera, or remap `image` to its topic"
        )
    return (
        f"no image for {health.silence:.0f} s although {health.topic} has {health.publishers} "
        "publisher(s): the camera stopped, or its QoS or message type does not fit"
    )


def diagnostic_array(name: str, health: Health, now: Time) -> DiagnosticArray:
    """Put a snapshot into a message; `name` is the node's full name."""
    level, message = _summary(health)
    status = DiagnosticStatus(level=level, name=name, message=message, hardware_id=health.runtime)
    status.values = [KeyValue(key=key, value=value) for key, value in _values(health).items()]
    return DiagnosticArray(header=Header(stamp=now.to_msg()), status=[status])


def _summary(health: Health) -> tuple[bytes, str]:
    if health.state != "active":
        return _idle(health)
    if health.engine and health.engine.failure:
        return DiagnosticStatus.ERROR, f"the engine failed: {health.engine.failure}"
    if silence := silence_explained(health):
        return DiagnosticStatus.ERROR, silence
    if health.failures_in_a_row >= _FAILING:
        return DiagnosticStatus.ERROR, f"every frame fails: {health.last_error}"
    if health.books.failed:
        return DiagnosticStatus.WARN, f"{health.books.failed} frames failed: {health.last_error}"
    return DiagnosticStatus.OK, "segmenting"


def _idle(health: Health) -> tuple[bytes, str]:
    if health.engine_build:
        return DiagnosticStatus.WARN, f"{health.state}: {health.engine_build}"
    if health.state == "unconfigured" and health.last_error:
        return DiagnosticStatus.ERROR, f"cannot configure: {health.last_error}"
    return DiagnosticStatus.WARN, f"{health.state}: no labels until the node is active"


def _values(health: Health) -> dict[str, str]:
    values = {"state": health.state, "model": health.model, "runtime": health.runtime}
    values |= {"engine": _engine_state(health), **_engine_facts(health.engine)}
    values |= {"image topic": health.topic, "image publishers": str(health.publishers)}
    values |= {f"frames {fate}": str(count) for fate, count in asdict(health.books).items()}
    for stage, durations in health.latency_ms.items():
        for percentile, duration in zip(PERCENTILES, durations, strict=True):
            values[f"{stage} p{percentile} [ms]"] = f"{duration:.2f}"
    return values | {"last error": health.last_error}


def _engine_state(health: Health) -> str:
    if health.engine_build:
        return health.engine_build
    if health.engine is None:
        return f"none ({health.runtime} needs none)" if health.runtime else "none"
    if health.engine.failure:
        return f"failed: {health.engine.failure}"
    return f"loaded: {health.engine.fingerprint.precision} ({health.engine.layers})"


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
