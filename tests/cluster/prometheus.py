"""A true Prometheus, of Debian's package."""

from __future__ import annotations

import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.debian import unpacked
from cluster.waiting import wait_until

CONFIG = """
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: itself
    static_configs: [{targets: ["ADDRESS"]}]
"""


@contextmanager
def prometheus(folder: Path, host: str) -> Iterator[str]:
    """Run one that follows its own metrics, and give its URL.

    Args:
        folder: for its data.
        host: the address to listen on, which pods can reach.
    """
    address = f"{host}:{_free_port(host)}"
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.replace("ADDRESS", address))
    command = (
        *(str(program("prometheus")), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"),
        *(f"--web.listen-address={address}", "--log.level=error"),
    )
    with subprocess.Popen(command) as process:
        try:
            query = f"http://{address}/api/v1/query?query=up"
            wait_until(lambda: _has_scraped(query), "Prometheus to follow itself", timeout_s=60)
            yield f"http://{address}"
        finally:
            process.terminate()


def program(name: str) -> Path:
    """`prometheus` or `promtool`, fetched if need be."""
    return unpacked(name, "prometheus")


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _has_scraped(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return b'"1"' in answer.read()
    except OSError:
        return False
