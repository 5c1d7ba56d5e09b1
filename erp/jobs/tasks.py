"""The tasks: deliver what is due, sweep for what was missed, and the work of the hour and of the day."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import datetime, timedelta
from functools import cached_property

from huey import crontab

from erp.domain.account import account as accounts
from erp.domain.account import sending, sign_in
from erp.domain.dates import utc_now
from erp.domain.delivery import Attempt, Claimed, Dropped, claim, hand_out, mark, next_due, tidy
from erp.domain.notification.kinds import Outcome
from erp.domain.support.pings import tell_of_weeks
from erp.domain.upkeep.refolding import folded_before, refold
from erp.jobs.lanes import Lanes
from erp.jobs.message import message
from erp.jobs.queue import open_queue
from erp.log import logger
from erp.push import Push
from erp.settings import Settings
from erp.storage.busy import let_others_in
from erp.storage.db import Sessions
from erp.storage.resealing import Resealing

# A worker that has so many messages under way takes no more until one of them ended.
MOST_UNDER_WAY = 256
# An alarm may ring so much before its moment: one that is this close is no longer counted on.
ALARM_TOLERANCE = timedelta(seconds=2)
# The queue keeps under this key when a worker swept last; it does so each minute.
LAST_SWEEP = "rung-worker-seen"
SWEPT_WITHIN = timedelta(seconds=150)
# So long a minute is encrypted anew what is not in the form of today, and so long each piece lets others go first.
RESEAL_SECONDS = 2.0

log = logging.getLogger("rung.delivery")


class Jobs:
    """The tasks on their queue. A web process only wakes them; a worker runs them. `clock` gives the moment (UTC)."""

    def __init__(self, settings: Settings, sessions: Sessions, clock: Callable[[], datetime] = utc_now) -> None:
        logger(log.name)
        self.settings, self.sessions, self.clock = settings, sessions, clock
        self.queue = open_queue(settings.queue)
        self.deliver = self.queue.task(name="deliver")(self._deliver)
        self.sweep = self.queue.periodic_task(crontab(minute="*"), name="sweep")(self._sweep)
        self.queue.periodic_task(crontab(minute="*/10"), name="weeks")(self.tell_weeks_now)
        self.queue.periodic_task(crontab(hour="3", minute="40"), name="tidy")(self.tidy_now)
        self.queue.periodic_task(crontab(minute="*"), name="reseal")(self.reseal_now)
        self._resealing = Resealing()
        self._reseal_lock = threading.Lock()
        self._refolded = False
        self._alarms: set[datetime] = set()
        self._alarm_lock = threading.Lock()
        # Looked up when it is called: a test takes it out.
        self._lanes = Lanes(self._send, lambda attempts: self._mark(attempts))  # noqa: PLW0108
        self._under_way: set[Future[None]] = set()

    def wake(self, at: datetime | None = None) -> None:
        """Have what is due delivered: now, or at a moment (UTC). Never fails: the sweep finds what this loses."""
        try:
            if at is None:
                self.deliver()
            else:
                self._wake_at(at)
        except Exception as error:  # noqa: BLE001  (whatever a queue can raise must not undo what was committed)
            self._log(logging.ERROR, error=type(error).__name__, at="wake")

    def _wake_at(self, at: datetime) -> None:
        """Set an alarm, unless an earlier one is set: the round that it wakes sets the next."""
        now = self.clock()
        with self._alarm_lock:
            self._alarms = {alarm for alarm in self._alarms if alarm > now + ALARM_TOLERANCE}
            if any(alarm <= at for alarm in self._alarms):
                return
            self._alarms.add(at)
        # `eta` keeps its zone: huey would take a naive time for a local one.
        self.deliver.schedule(eta=max(at, now))

    def swept_lately(self) -> bool:
        """Whether a worker swept within the last minutes."""
        try:
            swept = self.queue.get(LAST_SWEEP, peek=True)
            return isinstance(swept, str) and self.clock() - datetime.fromisoformat(swept) < SWEPT_WITHIN
        except (TypeError, ValueError):  # nobody who sweeps wrote this
            return False

    def sweep_now(self) -> None:
        """Leave a sign of life, and deliver what no nudge told of; back when all of it is marked."""
        self._seen()
        self.deliver_now()

    def deliver_now(self) -> None:
        """Hand out, take, send and mark until nothing is due."""
        while self._round():
            for sent in set(self._under_way):
                sent.result()

    def _sweep(self) -> None:
        self._seen()
        self._deliver()

    def _seen(self) -> None:
        self.queue.put(LAST_SWEEP, self.clock().isoformat())

    def _deliver(self) -> None:
        """The same in a worker, which does not wait for what it sends: the next one may be due at another service."""
        while self._round():
            while len(self._under_way) >= MOST_UNDER_WAY:
                wait(set(self._under_way), return_when=FIRST_COMPLETED)

    def _round(self) -> bool:
        now = self.clock()
        with self.sessions.reading() as session:
            due = next_due(session)
        if due is None or due > now:
            if due is not None:
                self._wake_at(due)
            return False
        dropped: list[Dropped] = []
        with self.sessions.writing() as session:
            handed = hand_out(session, now, dropped)
            claimed = claim(session, now, dropped)
            due = next_due(session)
            session.commit()
        for one in dropped:
            self._log(kind=one.kind, result="given up", reason=one.reason)
        # The alarm is set before anything is sent: should this process die now, the lease's end wakes whoever lives.
        if due is not None:
            self._wake_at(due)
        for each in claimed:
            sent = self._lanes.take(each)
            self._under_way.add(sent)
            sent.add_done_callback(self._under_way.discard)
        return bool(handed or claimed)

    def _mark(self, attempts: Sequence[Attempt]) -> None:
        due = None
        try:
            with self.sessions.writing() as session:
                mark(session, attempts, self.clock(), jitter=random.uniform(0.75, 1.25))  # noqa: S311
                if any(attempt.outcome is Outcome.later for attempt in attempts):
                    due = next_due(session)
                session.commit()
        except Exception as error:  # noqa: BLE001  (what is not marked is due again when its lease ends)
            self._log(logging.ERROR, error=type(error).__name__, at="mark")
        if due is not None:
            self.wake(due)

    def _send(self, claimed: Claimed) -> Attempt:
        started = time.perf_counter()
        now = self.clock()
        try:
            result = self._push.send(claimed.subscription, message(claimed, now))
        except Exception as error:  # noqa: BLE001  (one message that cannot be made must not hold up the others)
            self._log(logging.ERROR, error=type(error).__name__, at="send")
            return Attempt(claimed, Outcome.refused)
        self._log(
            kind=claimed.kind,
            result=result.outcome,
            reason=result.reason,
            status=result.status,
            attempt=claimed.attempt,
            ms=round((time.perf_counter() - started) * 1000, 1),
            age_ms=round((now - claimed.created_at) / timedelta(milliseconds=1)),
        )
        return Attempt(claimed, result.outcome, result.retry_after)

    def tell_weeks_now(self) -> None:
        """Add the weekly summaries whose morning has come."""
        with self.sessions.writing() as session:
            added = tell_of_weeks(session, self.clock())
            session.commit()
        if added:
            self.deliver_now()

    def tidy_now(self) -> None:
        """Forget what nobody needs any more."""
        with self.sessions.writing() as session:
            for forget in (tidy, accounts.tidy, sign_in.tidy, sending.tidy):
                forget(session, self.clock())
            session.commit()

    def reseal_now(self) -> None:
        """Bring some more of what an earlier version wrote, or an older key, into the form of today.

        Nothing is asked of the database any more once all was looked at.
        """
        if not self._reseal_lock.acquire(blocking=False):
            return
        try:
            until = time.monotonic() + RESEAL_SECONDS
            while not self._resealing.done:
                self._resealing.piece(self.sessions)
                if time.monotonic() > until:
                    return
                let_others_in()
            self._refold()
        finally:
            self._reseal_lock.release()

    def _refold(self) -> None:
        """Fold anew what an earlier version folded by other rules, person by person; once in the life of a worker."""
        if self._refolded:
            return
        with self.sessions.reading() as session:
            accounts = folded_before(session)
        for account in accounts:
            with self.sessions.writing() as session:
                refold(session, account, self.clock())
        self._refolded = True

    def close(self) -> None:
        """Close the connections to the queue and to the push services, where there are any."""
        self._lanes.close()
        self.queue.storage.close()
        if "_push" in self.__dict__:
            self._push.close()

    def _log(self, level: int = logging.INFO, /, **said: object) -> None:
        """One line of JSON, with no person and no endpoint in it."""
        log.log(level, json.dumps({"time": self.clock().isoformat(timespec="milliseconds")} | said))

    @cached_property
    def _push(self) -> Push:
        return Push(self.settings.vapid, self.settings.contact, self.settings.push_hosts)
