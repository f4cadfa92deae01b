"""This machine and its libraries, as far as numbers depend on them: no name, no path."""

from __future__ import annotations

import os
import platform
import ssl
import zlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("httpx", "urllib3", "zlib-ng", "voyager", "numpy")


def facts(*libraries: str) -> dict[str, str]:
    """Return each fact under its name, with the versions of these libraries too."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": str(os.cpu_count()),
        "cpu": _cpu(),
        "memory": f"{memory / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": ssl.OPENSSL_VERSION,
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        **{name: version(name) for name in (*LIBRARIES, *libraries)},
    }


def _cpu() -> str:
    """Return the processor's model, and whether it hashes sha256 by itself."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    model = next((v.strip() for k, v in facts.items() if k.strip() == "model name"), platform.machine())
    flags = next((v for k, v in facts.items() if k.strip() in ("flags", "Features")), "")
    return f"{model}{', sha_ni' if 'sha_ni' in flags.split() else ''}"
