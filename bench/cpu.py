"""CPU time in this process, without a server: the application called as a WSGI server calls it."""

import cProfile
import gc
import pstats
import statistics
import time
from collections.abc import Sequence

from bench.client import Request, Wsgi, call


def cost(app: Wsgi, requests: Sequence[Request]) -> float:
    """Seconds of CPU time for one request, as the mean of these; every answer must be 200, or 304 with an ETag."""
    environs = [request.environ() for request in requests]
    gc.collect()
    start = time.thread_time()
    statuses = [call(app, environ) for environ in environs]
    elapsed = time.thread_time() - start
    for request, status in zip(requests, statuses, strict=True):
        if status != (304 if request.etag else 200):
            raise SystemExit(f"{request.method} {request.path} answered {status}")
    return elapsed / len(requests)


def compare(bare: Wsgi, app: Wsgi, rounds: Sequence[Sequence[Request]]) -> tuple[float, float]:
    """The median cost of a request in seconds and its ratio to the bare view, both measured in turns."""
    yardstick = [Request("GET", "/")] * 400
    costs, ratios = [], []
    for requests in rounds:
        floor = cost(bare, yardstick)
        costs.append(cost(app, requests))
        ratios.append(costs[-1] / floor)
    return statistics.median(costs), statistics.median(ratios)


def ratio(app: Wsgi, first: Sequence[Sequence[Request]], second: Sequence[Sequence[Request]]) -> float:
    """How much more the second kind of request costs than the first: the median of rounds measured in turns."""
    return statistics.median(cost(app, more) / cost(app, less) for less, more in zip(first, second, strict=True))


def profile(app: Wsgi, requests: Sequence[Request]) -> None:
    """Print where the time of these requests goes."""
    profiler = cProfile.Profile()
    profiler.enable()
    for request in requests:
        call(app, request.environ())
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
