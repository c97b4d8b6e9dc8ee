"""A line with a delay in a process of its own: loopback answers sooner than any venue can."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

CHUNK = 65_536


@contextmanager
def line(url: str, milliseconds: float) -> Iterator[str]:
    """Lay a line to `url` with so long a round trip; yields the URL at its other end."""
    command = [sys.executable, "-m", "benchmarks.line", str(urlsplit(url).port), str(milliseconds / 2000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def serve(target: int, seconds: float) -> None:
    """Carry bytes both ways, each chunk `seconds` late and in order."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            while chunk := await reader.read(CHUNK):
                loop.call_later(seconds, writer.write, chunk)
        finally:
            loop.call_later(seconds, writer.close)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
