"""Quality-of-service mismatches in words."""

from typing import Any

from rclpy.qos import QoSPolicyKind


def explain_incompatible_qos(topic: str, peer: str, event: Any) -> str:
    """Say which policy keeps two ends of a topic apart.

    Args:
        topic: Full topic name.
        peer: Who is at the other end, such as "the camera".
        event: rclpy's event: `last_policy_kind`, `total_count`.
    """
    try:
        policy = QoSPolicyKind(event.last_policy_kind).name.lower()
    except ValueError:
        policy = f"policy {event.last_policy_kind}"
    return (
        f"{topic}: nothing will arrive, because {peer} asks for or offers another {policy}; "
        f"compare `ros2 topic info -v {topic}` and set this node's side with the parameter "
        f"qos_overrides.{topic}.<publisher or subscription>.{policy}"
    )
