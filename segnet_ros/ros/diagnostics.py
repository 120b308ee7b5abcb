"""What the node tells about itself on /diagnostics."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.time import Time
from std_msgs.msg import Header

from segnet_ros.ros.latency import PERCENTILES
from segnet_ros.ros.newest_frame_worker import Books

SILENCE_SECONDS = 3.0


@dataclass(frozen=True)
class Health:
    """A snapshot of the running node.

    Attributes:
        state: Lifecycle state, such as "active".
        model: Name of the model; empty while unconfigured.
        runtime: `Segmenter.runtime`; empty while unconfigured.
        topic: The camera's full topic name; empty while inactive.
        publishers: How many cameras publish there.
        silence: Seconds since the last image or, before the first, since activation.
        books: What became of every frame since the node was configured.
        latency_ms: `LatencyLog.percentiles_ms`.
        last_error: The newest failure's text; empty if there was none.
    """

    state: str
    model: str
    runtime: str
    topic: str
    publishers: int
    silence: float
    books: Books
    latency_ms: Mapping[str, tuple[float, ...]]
    last_error: str


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
    silence = silence_explained(health)
    if health.state != "active":
        return DiagnosticStatus.WARN, f"{health.state}: no labels until the node is active"
    if silence:
        return DiagnosticStatus.ERROR, silence
    if health.books.failed:
        return DiagnosticStatus.WARN, f"{health.books.failed} frames failed: {health.last_error}"
    return DiagnosticStatus.OK, "segmenting"


def _values(health: Health) -> dict[str, str]:
    values = {"state": health.state, "model": health.model, "runtime": health.runtime}
    values |= {"image topic": health.topic, "image publishers": str(health.publishers)}
    values |= {f"frames {fate}": str(count) for fate, count in asdict(health.books).items()}
    for stage, durations in health.latency_ms.items():
        for percentile, duration in zip(PERCENTILES, durations, strict=True):
            values[f"{stage} p{percentile} [ms]"] = f"{duration:.2f}"
    return values | {"last error": health.last_error}
