"""Sends requests to a server on this machine from a process of its own, and prints how many a second were answered.

usage: python -m bench.load PORT CONNECTIONS < requests.json
The input is a list of [method, path, headers, body]; every one is sent once. Loopback only.
"""

import http.client
import json
import sys
import threading
import time
from typing import Any


def main() -> None:
    """Send everything, evenly over the connections; print the rate, and fail on any other answer than 200."""
    port, connections = int(sys.argv[1]), int(sys.argv[2])
    requests: list[Any] = json.load(sys.stdin)
    failures: list[str] = []
    threads = [
        threading.Thread(target=send, args=(port, requests[number::connections], failures))
        for number in range(connections)
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    if failures:
        sys.exit(f"{len(failures)} of {len(requests)} requests failed, the first: {failures[0]}")
    print(len(requests) / elapsed)


def send(port: int, requests: list[Any], failures: list[str]) -> None:
    """Send these requests one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for method, path, headers, body in requests:
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            response.read()
        except OSError as error:
            failures.append(repr(error))
            return
        if response.status != 200:
            failures.append(f"{method} {path} answered {response.status}")
    connection.close()


if __name__ == "__main__":
    main()
