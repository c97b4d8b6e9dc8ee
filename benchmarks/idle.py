"""Memory and import time of an idle daemon."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.figures import Missed
from benchmarks.venue import KEY, SECRET, venue

CONFIG = """mode: observe
network: sandbox
journal: journal.sqlite
base_url: {url}
poll_interval: 1s
accounts:
  - {{name: bench, venue: bybit, rules: balanced}}
"""
SECONDS = 20
MOST_MIB = 170


def run() -> list[str]:
    """Measure and return lines to print."""
    with tempfile.TemporaryDirectory() as folder, venue(20) as url:
        config = Path(folder) / "reef.yaml"
        config.write_text(CONFIG.format(url=url))
        environ = {**os.environ, "REEF_BENCH_API_KEY": KEY, "REEF_BENCH_SECRET": SECRET}
        command = [sys.executable, "-m", "bot.cli", "run", "--config", str(config)]
        with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as daemon:
            try:
                process = psutil.Process(daemon.pid)
                highest = 0
                end = time.monotonic() + SECONDS
                while time.monotonic() < end:
                    highest = max(highest, process.memory_info().rss)
                    time.sleep(0.5)
                cpu = process.cpu_times()
            finally:
                daemon.terminate()
    share, resident = (cpu.user + cpu.system) / SECONDS, highest / 2**20
    lines = [f"daemon, 20 positions, a poll a second: {resident:.0f} MiB resident, {share:.1%} of a core"]
    if resident > MOST_MIB:
        raise Missed(lines, f"at most {MOST_MIB} MiB were wanted")
    return lines
