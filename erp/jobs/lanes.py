"""Sending side by side: each message is marked as it ends, and a slow push service holds up nobody but its own."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from erp.domain.delivery import LEASE, Attempt, Claimed
from erp.domain.notification.subscription import origin_of

QUICK_SENDERS = 64
SLOW_SENDERS = 16
# So many messages of one service may be under way in the quick lane: one that suddenly hangs leaves room for others.
OF_ONE_SERVICE = 16
SLOW_SECONDS = 1.0
# A message that would not end within its lease is left to whoever takes it next.
LATEST_START_SECONDS = LEASE.total_seconds() - 12


class Lanes:
    """Threads that send what was claimed: a quick lane, and one for services that take long or have much to take."""

    def __init__(self, send: Callable[[Claimed], Attempt], mark: Callable[[Sequence[Attempt]], None]) -> None:
        """`send` is called from many threads; `mark`, with what ended, from one at a time. Neither may raise."""
        self._send, self._mark = send, mark
        self._quick = ThreadPoolExecutor(QUICK_SENDERS, thread_name_prefix="push")
        self._slow = ThreadPoolExecutor(SLOW_SENDERS, thread_name_prefix="push-slow")
        self._lock, self._marking = threading.Lock(), threading.Lock()
        self._under_way: dict[str, dict[uuid.UUID, float]] = {}
        self._were_slow: set[str] = set()
        self._ended: list[Attempt] = []

    def take(self, claimed: Claimed) -> Future[None]:
        """Send it as soon as its lane is free; done when it is marked."""
        service = str(origin_of(claimed.subscription.endpoint))
        now = time.monotonic()
        with self._lock:
            others = self._under_way.setdefault(service, {})
            hangs = any(now - begun > SLOW_SECONDS for begun in others.values())
            slow = hangs or service in self._were_slow or len(others) >= OF_ONE_SERVICE
            if not slow:
                others[claimed.id] = now
        return (self._slow if slow else self._quick).submit(self._run, claimed, service, now)

    def close(self) -> None:
        """Send what was taken, and end."""
        self._quick.shutdown()
        self._slow.shutdown()

    def _run(self, claimed: Claimed, service: str, taken: float) -> None:
        begun = time.monotonic()
        attempt = self._send(claimed) if begun - taken < LATEST_START_SECONDS else None
        with self._lock:
            others = self._under_way.get(service, {})
            others.pop(claimed.id, None)
            if not others:
                self._under_way.pop(service, None)
            if time.monotonic() - begun > SLOW_SECONDS:
                self._were_slow.add(service)
            else:
                self._were_slow.discard(service)
            if attempt:
                self._ended.append(attempt)
        with self._marking:
            # What ended while another was marked is marked together; often somebody else has done it already.
            with self._lock:
                ended, self._ended = self._ended, []
            if ended:
                self._mark(ended)
