"""The load generator for where `wrk` is not installed: N keep-alive connections, each sending when it has its answer. Runs as a
process of its own: URL, file of bodies, key, clients, seconds. Python costs about 0.2 ms a request, which the times include."""

import asyncio
import json
import sys
import time
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit


async def main() -> None:
    url, bodies, key, clients, seconds = sys.argv[1:]
    address = urlsplit(url)
    lines = Path(bodies).read_text().splitlines()  # noqa: ASYNC240 — before anything waits
    times: list[float] = []
    errors: list[int] = []
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for client in range(int(clients)):
            mine = lines[client * 97 % len(lines) :] + lines
            group.create_task(
                _client(
                    (str(address.hostname), int(address.port or 80), key),
                    mine,
                    started + float(seconds),
                    times=times,
                    errors=errors,
                )
            )
    elapsed = time.perf_counter() - started
    times.sort()
    ranks = {f"p{share}": round(1000 * times[min(len(times) - 1, share * len(times) // 100)], 2) for share in (50, 95, 99)}
    outcome = {
        "requests": len(times),
        "seconds": round(elapsed, 3),
        "errors": len(errors),
        **ranks,
        "max": round(1000 * times[-1], 2),
    }
    print("RESULT", json.dumps(outcome))


async def _client(
    server: tuple[str, int, str], bodies: list[str], until: float, *, times: list[float], errors: list[int]
) -> None:
    host, port, key = server
    reader, writer = await asyncio.open_connection(host, port)
    for body in cycle(bodies):
        if time.perf_counter() >= until:
            break
        content = body.encode()
        head = f"POST /v1/search HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        started = time.perf_counter()
        writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        status = await _answer(reader)
        times.append(time.perf_counter() - started)
        if status != 200:
            errors.append(status)
    writer.close()
    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length:"))
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])


if __name__ == "__main__":
    asyncio.run(main())
