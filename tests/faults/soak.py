"""`make soak`: real phones on a bad network, with everything killed at random; nothing may be lost or doubled.

    make soak                    ten minutes
    make soak MINUTES=60 SEED=7  as long as asked, with the same random numbers as another run
    make soak EXPOSURES=500      until so many were practised

In rounds: half a minute in which people practise, requests meet faults, browsers, the web process and a worker are
killed; then the network is good again, and nobody touches a phone until its outbox is empty. At the end the database
must hold exactly what the phones recorded.
"""

import argparse
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from erp.domain.delivery import next_due
from erp.domain.notification.device import register
from erp.domain.support import invitation as invitations
from erp.jobs.tasks import Jobs
from erp.settings import Settings
from erp.storage.box import box
from erp.storage.db import Sessions, open_engine
from tests.faults.ledger import Audit, Ledger, Told, audit, told
from tests.faults.phone import Person, Phone
from tests.faults.proxy import ROUGH, Fault, Proxy
from tests.make.crew import Clock, an_account
from tests.make.keys import DATA_KEY, KEY_SETTINGS, SECRET_KEY, VAPID
from tests.make.phone import new_address, quiet_zone
from tests.make.push_service import CREATED, RESET, Answer, PushService, answers, busy
from tests.make.server import ROOT, Server
from tools.browser import find

# Seconds. Time decides nothing: these only end a run that hangs.
CATCH_UP = 240
DELIVERED = 240
STARTS_A_LIFE = 3
A_LIFETIME = timedelta(days=2)


@dataclass(frozen=True)
class Wish:
    """What to run: until `minutes` have passed or `exposures` were practised. `people` beside one with two phones."""

    seed: int
    minutes: float | None = None
    exposures: int | None = None
    people: int = 2
    round_seconds: float = 30
    rates: Mapping[Fault, float] = field(default_factory=lambda: ROUGH)
    web_lives: tuple[float, float] = (6, 20)
    worker_lives: tuple[float, float] = (3, 12)


@dataclass
class Figures:
    """What a run came to."""

    seed: int
    seconds: float = 0
    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    mishaps: Counter[str] = field(default_factory=Counter)
    arrivals: int = 0
    server_errors: int = 0
    catch_ups: list[float] = field(default_factory=list)
    audit: Audit = field(default_factory=Audit)
    findings: list[str] = field(default_factory=list)
    told: Told = field(default_factory=lambda: Told({}, {}, 0))
    reached: int = 0

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        found = self.audit
        broken = found.lost or found.doubled or found.changed or self.findings or self.told.stuck
        return not broken and self.told.deliveries.get("sent", 0) <= self.reached

    def lines(self) -> Iterator[str]:
        """The figures for people."""
        found = self.audit
        yield f"seed {self.seed}, {self.seconds / 60:.1f} minutes, {self.rounds} rounds"
        yield f"faults injected: {sum(self.faults.values())} ({listed(self.faults)}); {self.passed} requests passed"
        yield f"killed: {listed(self.killed)}"
        yield f"on the phones: {listed(self.mishaps)}"
        yield f"exposures: {found.exposures}"
        yield f"events sent: {found.kept}, taken by the server {self.arrivals} times, replays included"
        yield f"lost: {len(found.lost)}"
        yield f"doubled: {len(found.doubled)}"
        yield f"changed: {len(found.changed)}"
        yield f"not sure to be stored when a browser was killed, and arrived: {found.unsure}"
        yield f"longest catch-up: {max(self.catch_ups, default=0):.1f} s (of {len(self.catch_ups)})"
        yield f"answers of the server with 5xx: {self.server_errors}"
        yield f"notifications: {listed(self.told.notifications)}; deliveries: {listed(self.told.deliveries)}"
        yield f"stuck: {self.told.stuck}; messages that reached the push service: {self.reached}"
        yield f"integrity check: {len(self.findings)} findings"
        yield from (f"LOST {each}" for each in found.lost[:20])
        yield from (f"DOUBLED {each}" for each in found.doubled[:20])
        yield from (f"CHANGED {each}" for each in found.changed[:20])
        yield from (f"FOUND {each}" for each in self.findings[:20])

    def __str__(self) -> str:
        return "\n".join(self.lines())


def listed(counts: Mapping[str, int]) -> str:
    """Counts as a list, the most first."""
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered) or "none"


class Killer(threading.Thread):
    """Kills something again and again, and has it start anew; it lives when `stop` returns.

    `lives` are seconds, and a life is never shorter than a few starts: on a machine that has much to do nothing would
    get done between two kills.
    """

    def __init__(
        self, seed: str, lives: tuple[float, float], kill: Callable[[], None], start: Callable[[], None]
    ) -> None:
        super().__init__(daemon=True)
        self.kills = 0
        self._random, self._lives, self._kill, self._start_again = random.Random(seed), lives, kill, start
        self._over = threading.Event()
        self._trouble: BaseException | None = None

    def run(self) -> None:
        """Kill, wait a moment, start."""
        took = 0.0
        try:
            while not self._over.wait(max(self._random.uniform(*self._lives), STARTS_A_LIFE * took)):
                self._kill()
                self.kills += 1
                self._over.wait(self._random.choice((0, 0, 1, 3)))
                began = time.monotonic()
                self._start_again()
                took = time.monotonic() - began
        except BaseException as error:  # noqa: BLE001  (whatever it was, `stop` raises it)
            self._trouble = error

    def stop(self) -> int:
        """End, with everything alive; how often it killed."""
        self._over.set()
        self.join()
        if self._trouble:
            raise self._trouble
        return self.kills


class Place:
    """The server with its worker inside, a second worker beside it, the push service, and the proxy before them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.sink = PushService()
        extra = {"RUNG_ATTEMPTS": "100000", "RUNG_PUSH_HOSTS": self.sink.origin} | KEY_SETTINGS
        self.server = Server(folder, extra)
        self.worker: subprocess.Popen[bytes] | None = None
        self.proxy = Proxy(self.server.port, seed)
        self.engine = open_engine(f"sqlite:///{folder / 'rung.db'}")
        self.sessions = Sessions(self.engine)

    def start(self) -> None:
        """Start the processes."""
        self.server.start()
        self.start_worker()

    def start_worker(self) -> None:
        """Start the worker that is a process of its own; the sweep is left to the one inside the server."""
        command = [sys.executable, "-m", "flask", "--app", "app", "worker", "--no-periodic"]
        with (self.folder / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(command, cwd=ROOT, env=self.server.environment(), stdout=log, stderr=log)

    def kill_worker(self) -> None:
        """SIGKILL for the worker."""
        if self.worker:
            self.worker.kill()
            self.worker.wait()

    def kill_web(self) -> None:
        """SIGKILL for the web process."""
        if self.server.process:
            self.server.process.kill()
            self.server.process.wait()

    def coach(self, person: Person, draw: random.Random) -> None:
        """Somebody who hears of this person, on a device whose push service is moody at first."""
        moods: list[Answer] = [CREATED, CREATED, CREATED, answers(503), busy(2), RESET]
        subscription = self.sink.subscribe(*draw.choices(moods, k=200))
        now = datetime.now(UTC)
        with self.sessions.writing() as session:
            coach = an_account(session, f"coach-{person.account}", person.zone)
            invitations.accept(session, invitations.invite(session, person.account, now).token, coach.id, now)
            register(session, coach.id, subscription, now, name="Firefox", locale="en", origin=self.proxy.origin)
            session.commit()

    def delivered(self) -> None:
        """Wait until the workers have nothing left that is due."""
        deadline = time.monotonic() + DELIVERED
        while time.monotonic() < deadline:
            with self.sessions.reading() as session:
                due = next_due(session)
            if due is None or due > datetime.now(UTC) + timedelta(seconds=1):
                return
            time.sleep(0.2)

    def drain(self) -> None:
        """Let a worker live through what backs off for longer than anybody would wait here."""
        settings = Settings(
            data=self.folder,
            database_url=f"sqlite:///{self.folder / 'rung.db'}",
            secret_keys=(SECRET_KEY,),
            data_keys=(DATA_KEY,),
            vapid=VAPID,
            push_hosts=(self.sink.origin,),
        )
        clock = Clock()
        jobs = Jobs(settings, self.sessions, clock)
        while clock.ahead < A_LIFETIME:
            jobs.deliver_now()
            with self.sessions.reading() as session:
                due = next_due(session)
            if due is None:
                break
            clock.ahead = max(clock.ahead, due - datetime.now(UTC) + timedelta(seconds=1))
        jobs.close()

    def check(self) -> list[str]:
        """What `flask check` finds that does not hold together."""
        command = [sys.executable, "-m", "flask", "--app", "app", "check"]
        settings = self.server.environment()
        done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).splitlines() if done.returncode else []

    def stop(self) -> None:
        """Stop the processes, in good order."""
        self.kill_worker()
        self.server.stop()

    def close(self) -> None:
        """Leave nothing behind."""
        self.stop()
        self.proxy.close()
        self.sink.close()
        self.engine.dispose()


@contextmanager
def placed(folder: Path, seed: int) -> Iterator[Place]:
    """A place that has started, and is gone in the end."""
    place = Place(folder, seed)
    try:
        place.start()
        yield place
    finally:
        place.close()


@contextmanager
def phones_of(place: Place, wish: Wish, ledger: Ledger) -> Iterator[list[Phone]]:
    """The phones, signed in: one for each person, and for the first a second one."""
    people = [Person(quiet_zone()) for _ in range(wish.people)]
    draw = random.Random(wish.seed)
    made = [
        Phone(
            person, place.folder / f"phone{number}", place.proxy.origin, ledger, f"{wish.seed} {number}", new_address()
        )
        for number, person in enumerate([*people, people[0]])
    ]
    try:
        for phone in made[:-1]:
            phone.do(phone.sign_up).result()
            place.coach(phone.person, draw)
        made[-1].do(made[-1].sign_in).result()
        yield made
    finally:
        for phone in made:
            phone.do(phone.leave).result()


def soak(wish: Wish, folder: Path, say: Callable[[str], None] = lambda _line: None) -> Figures:
    """Run what was wished, with everything under `folder`."""
    box.set_keys((DATA_KEY,))
    figures, ledger, began = Figures(wish.seed), Ledger(), time.monotonic()
    with placed(folder, wish.seed) as place:
        with phones_of(place, wish, ledger) as phones:

            def going_on() -> bool:
                if wish.minutes is not None and time.monotonic() - began > wish.minutes * 60:
                    return False
                return wish.exposures is None or sum(phone.practised for phone in phones) < wish.exposures

            while going_on():
                a_round(place, phones, wish, figures, going_on)
                say(
                    f"{(time.monotonic() - began) / 60:5.1f} min: {sum(each.practised for each in phones)} exposures, "
                    f"{sum(place.proxy.faults.values())} faults, caught up in {figures.catch_ups[-1]:.1f} s"
                )
            place.delivered()
        place.stop()
        place.drain()
        figures.seconds = time.monotonic() - began
        for phone in phones:
            figures.mishaps += phone.mishaps
        with place.sessions.reading() as session:
            take_stock(session, place, ledger, figures)
    return figures


def a_round(place: Place, phones: list[Phone], wish: Wish, figures: Figures, going_on: Callable[[], bool]) -> None:
    """Practise for a while with faults and killings; then let everything be well, and wait for the outboxes."""
    figures.rounds += 1
    end = time.monotonic() + wish.round_seconds
    seed = f"{wish.seed} {figures.rounds}"
    killers = {
        "web process": Killer(f"{seed} web", wish.web_lives, place.kill_web, place.server.start),
        "worker": Killer(f"{seed} worker", wish.worker_lives, place.kill_worker, place.start_worker),
    }
    place.proxy.begin(wish.rates)
    for killer in killers.values():
        killer.start()
    busy_phones = [phone.do(phone.practise, lambda: time.monotonic() < end and going_on()) for phone in phones]
    for each in busy_phones:
        each.result()
    for name, killer in killers.items():
        figures.killed[name] += killer.stop()
    well = time.monotonic()
    place.proxy.calm()
    waiting = [phone.do(phone.catch_up, CATCH_UP) for phone in phones]
    figures.catch_ups.append(max(each.result() for each in waiting) - well)


def take_stock(session: Session, place: Place, ledger: Ledger, figures: Figures) -> None:
    """Hold the database against everything that is known of the run."""
    proxy = place.proxy
    figures.faults.update({str(kind): count for kind, count in proxy.faults.items()})
    figures.passed, figures.arrivals, figures.server_errors = proxy.passed, proxy.arrivals.total(), proxy.errors
    figures.audit = audit(session, ledger)
    figures.findings = place.check()
    figures.told = told(session)
    figures.reached = len(place.sink.delivered())


def main() -> int:
    """Run as asked, and print the figures; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description="Real phones on a bad network: nothing may be lost or doubled.")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--exposures", type=int)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    given = parser.parse_args()
    os.environ["RUNG_CHROMIUM"] = find("Chromium")
    minutes = given.minutes or (None if given.exposures else 10)
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="rung-soak-", ignore_cleanup_errors=True) as folder:
        figures = soak(Wish(given.seed, minutes, given.exposures), Path(folder), lambda line: print(line, flush=True))
    print(figures)
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
