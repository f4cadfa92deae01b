"""A server program built from the Go proxy, as a child process for one test or module."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from cluster.node import binaries
from cluster.node.binaries import Program
from patience import PATIENCE_S


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    program: Program, *arguments: str, url: str, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run the program until it answers at the URL; end it afterwards."""
    path = binaries.ensure_one(program)
    with log.open("wb") as out:
        process = subprocess.Popen([str(path), *arguments], stdout=out, stderr=out, env=dict(env or {}))
    try:
        wait_until_it_answers(process, url, log)
        yield
    finally:
        process.terminate()
        process.wait(60)


def wait_until_it_answers(
    process: subprocess.Popen[bytes], url: str, log: Path, patience_s: float = PATIENCE_S
) -> None:
    """Wait until a program answers at this URL, whatever it says.

    Raises:
        AssertionError: it has ended, or is too late; the message has its last words.
    """
    until = time.monotonic() + patience_s
    with httpx.Client(verify=False, trust_env=False) as client:
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                client.get(url)
                return
            time.sleep(0.02)
    raise AssertionError(f"{url} does not answer: {log.read_text()[-2000:]}")


@dataclass(frozen=True)
class Certificates:
    """PEM files: an authority, and a certificate for one address under it with its key."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path, address: str = "127.0.0.1") -> Certificates:
    """Make an authority and a certificate. One file cannot be both: rustls refuses that."""
    made = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    authority_key = str(folder / "ca.key")
    _openssl(
        *(*new, "-subj", "/CN=facedb-test-authority", "-keyout", authority_key, "-out", str(made.authority)),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    _openssl(
        *(*new, "-subj", "/CN=facedb-test", "-keyout", str(made.key), "-out", str(made.certificate)),
        *("-CA", str(made.authority), "-CAkey", authority_key),
        *("-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE"),
    )
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
