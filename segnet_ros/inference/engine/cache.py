# SPDX-License-Identifier: Apache-2.0
"""Engines built before, in a private folder.

An engine is a program. It is handed out only if the JSON beside it names this very file, down to
its sha256, and describes an engine of exactly this fingerprint.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from segnet_ros.inference.engine.cached_engine import (
    CachedEngine,
    description_of,
    file_name,
    inspect,
    read_facts,
    safe_name,
)
from segnet_ros.inference.engine.fingerprint import Fingerprint, read_fingerprint
from segnet_ros.inference.engine.lock import locked
from segnet_ros.inference.engine.private_files import private_folder, write_private
from segnet_ros.inference.engine.removal import (
    Removed,
    is_ours,
    remove,
    remove_leftovers,
)
from segnet_ros.inference.engine.timing_cache import (
    SUFFIX,
    read_timing_cache,
    timing_cache_of,
    write_timing_cache,
)
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.files import replacing

__all__ = ["CachedEngine", "EngineCache", "Missing", "Removed"]


@dataclass(frozen=True)
class Missing:
    """No engine that can be used; `reason` says why."""

    reason: str


class EngineCache:
    """A folder of engines.

    Args:
        folder: Created if need be; None is the user's cache folder.

    Raises:
        InferenceError: somebody else can write to the folder, or it cannot be made.

    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = private_folder((folder or _default_folder()).expanduser().absolute())

    def find(self, fingerprint: Fingerprint, model_name: str) -> CachedEngine | Missing:
        """The verified engine of a fingerprint, or why there is none."""
        plan = self._plan(fingerprint, model_name)
        if not (os.path.lexists(plan) or os.path.lexists(description_of(plan))):
            return Missing(self._why_none(fingerprint, model_name))
        engine = inspect(plan)
        return Missing(engine.defect) if engine.defect else engine

    def entries(self) -> list[CachedEngine]:
        """Every engine by the order of names, the defective ones too."""
        return [inspect(plan) for plan in self._plans()]

    def store(
        self, fingerprint: Fingerprint, model_name: str, plan: bytes, layers: str, seconds: float
    ) -> CachedEngine:
        """Put an engine into the cache, in place of an older one of the same fingerprint.

        To be called with the fingerprint's lock held.

        Args:
            fingerprint: Of the engine.
            model_name: Of the model.
            plan: The engine.
            layers: What was really built, in words.
            seconds: That the build took.

        Raises:
            InferenceError: it cannot be written; an older engine is still there then.

        """
        path = self._plan(fingerprint, model_name)
        facts = {
            "model": safe_name(model_name),
            "fingerprint": fingerprint.facts(),
            "sha256": hashlib.sha256(plan).hexdigest(),
            "size": len(plan),
            "built": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "layers": layers,
            "seconds": round(seconds, 2),
        }
        with (
            self._explained(f"an engine of {len(plan) / 1e6:.1f} MB"),
            replacing(path) as engine,
            replacing(description_of(path)) as description,
        ):
            write_private(engine, plan)
            write_private(description, json.dumps(facts, indent=2).encode())
        return CachedEngine(path, facts)

    @contextmanager
    def lock(self, fingerprint: Fingerprint, waiting: Callable[[str], None]) -> Iterator[None]:
        """Be the only one who builds an engine of this fingerprint.

        Args:
            fingerprint: Of the engine.
            waiting: Told what is waited for, a few times per second; an exception it raises ends
                the waiting.

        Raises:
            InferenceError: the folder cannot be written.

        """
        path = self.folder / f"{fingerprint.digest}.lock"
        with ExitStack() as held:
            with self._explained("a lock"):
                self.remove_leftovers()
                held.enter_context(locked(path, lambda: waiting("waiting for another builder")))
            yield

    def remove_leftovers(self) -> list[Removed]:
        """Remove what builders left that were killed; those at work are let alone."""
        return remove_leftovers(self.folder)

    def prune(self, unusable: Callable[[CachedEngine], str]) -> list[Removed]:
        """Remove what will not be used again: engines, leftovers, timing caches of engines removed.

        Files of others are let alone, and so is what is being built.

        Args:
            unusable: Says of a whole engine why it cannot be used; empty if it can.

        """
        removed = self.remove_leftovers()
        for engine in self.entries():
            if reason := engine.defect or unusable(engine):
                removed += remove([engine.plan, description_of(engine.plan)], reason)
        return removed + remove(self._unused_timing_caches(), "no engine needs it any more")

    def read_timing_cache(self, fingerprint: Fingerprint) -> bytes:
        """TensorRT's timing cache of earlier builds; empty if there is none that can be used."""
        return read_timing_cache(timing_cache_of(self.folder, fingerprint))

    def write_timing_cache(self, fingerprint: Fingerprint, content: bytes) -> None:
        """Keep TensorRT's timing cache for later builds."""
        write_timing_cache(timing_cache_of(self.folder, fingerprint), content)

    def _plan(self, fingerprint: Fingerprint, model_name: str) -> Path:
        return self.folder / file_name(model_name, fingerprint)

    def _plans(self) -> list[Path]:
        """Engines, and where those belong of which only the JSON is there."""
        files = [path for path in self.folder.glob("[!.]*") if is_ours(path)]
        return sorted({path.with_suffix(".engine") for path in files if path.suffix != SUFFIX})

    def _fingerprints(self) -> list[tuple[str, Fingerprint]]:
        """Of every engine that has a good JSON, with the model's name; newest first."""
        described = []
        for plan in self._plans():
            with suppress(InferenceError):
                described.append(read_facts(plan))
        described.sort(key=lambda facts: datetime.fromisoformat(facts["built"]), reverse=True)
        return [(facts["model"], read_fingerprint(facts["fingerprint"])) for facts in described]

    def _why_none(self, wanted: Fingerprint, model_name: str) -> str:
        """What changed since the most similar engine of the same kind was built."""
        kind = (safe_name(model_name), wanted.precision, wanted.batch)
        older = [
            wanted.changes_since(old)
            for name, old in self._fingerprints()
            if (name, old.precision, old.batch) == kind
        ]
        most_similar = sorted(older, key=len)[:1] or [["none was built yet"]]
        return "; ".join(most_similar[0])

    def _unused_timing_caches(self) -> list[Path]:
        fingerprints = [fingerprint for _, fingerprint in self._fingerprints()]
        used = {timing_cache_of(self.folder, fingerprint) for fingerprint in fingerprints}
        kept = {path for path in self.folder.glob(f"[!.]*{SUFFIX}") if is_ours(path)}
        return sorted(kept - used)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            msg = (
                f"{what} cannot be written to {self.folder} ({error.strerror}); make room there, "
                "or choose another folder with --cache"
            )
            raise InferenceError(msg) from error


def _default_folder() -> Path:
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # XDG's specification says to ignore relative paths.
        root = Path(chosen) if chosen.startswith("/") else Path.home() / ".cache"
    except RuntimeError as error:
        msg = f"{error}; choose a folder of engines with --cache"
        raise InferenceError(msg) from error
    return root / "segnet_ros" / "engines"
