# SPDX-License-Identifier: Apache-2.0
"""Quality of service in words: profiles, and why two of them do not fit."""

from typing import Any

from rclpy.duration import Duration
from rclpy.qos import (
    QoSCompatibility,
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSLivelinessPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
    qos_check_compatible,
)

_ENDLESS = Duration(nanoseconds=2**63 - 1)


def profile_in_words(profile: QoSProfile) -> str:
    """Such as "best effort, volatile, keep last 5"; what is unknown is left out."""
    words = [_name(profile.reliability), _name(profile.durability), _history(profile)]
    if 0 < profile.deadline.nanoseconds < _ENDLESS.nanoseconds:
        words.append(f"deadline {profile.deadline.nanoseconds * 1e-9:g} s")
    if "MANUAL" in profile.liveliness.name:
        words.append(f"liveliness {_name(profile.liveliness)}")
    return ", ".join(filter(None, words))


def incompatibility(publisher: QoSProfile, subscription: QoSProfile) -> str:
    """Why nothing passes between two ends, in rclpy's words; empty if it does."""
    verdict, reason = qos_check_compatible(_as_discovered(publisher), _as_discovered(subscription))
    if verdict != QoSCompatibility.ERROR:
        return ""
    clashes = [part for part in str(reason).split(";") if part.startswith("ERROR: ")]
    return ", ".join(clash.removeprefix("ERROR: ").lower() for clash in clashes)


def clashing_policies(publisher: QoSProfile, subscription: QoSProfile) -> list[str]:
    """Which of the two policies that are set by hand keep the ends apart, as parameters spell them.

    Returns:
        Of "reliability" and "durability" those that clash; empty if another policy does.

    """
    clashes = {
        "reliability": (publisher.reliability, subscription.reliability)
        == (QoSReliabilityPolicy.BEST_EFFORT, QoSReliabilityPolicy.RELIABLE),
        "durability": (publisher.durability, subscription.durability)
        == (QoSDurabilityPolicy.VOLATILE, QoSDurabilityPolicy.TRANSIENT_LOCAL),
    }
    return [policy for policy, clash in clashes.items() if clash]


def _history(profile: QoSProfile) -> str:
    # Other machines' queues are not part of what the middleware discovers.
    if profile.history == QoSHistoryPolicy.KEEP_ALL:
        return "keep all"
    return f"keep last {profile.depth}" if profile.history == QoSHistoryPolicy.KEEP_LAST else ""


def _name(policy: Any) -> str:
    return "" if policy.name == "UNKNOWN" else str(policy.name).lower().replace("_", " ")


def _as_discovered(profile: QoSProfile) -> QoSProfile:
    """A profile as the middleware tells it of other nodes, where endless is not written as 0.

    Without this every default profile would seem to break a deadline that nobody has set.
    """
    automatic = profile.liveliness == QoSLivelinessPolicy.SYSTEM_DEFAULT
    return QoSProfile(
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=max(1, profile.depth),
        reliability=profile.reliability,
        durability=profile.durability,
        liveliness=QoSLivelinessPolicy.AUTOMATIC if automatic else profile.liveliness,
        deadline=_endless_if_unset(profile.deadline),
        liveliness_lease_duration=_endless_if_unset(profile.liveliness_lease_duration),
    )


def _endless_if_unset(duration: Duration) -> Duration:
    return duration if duration.nanoseconds else _ENDLESS
