"""What the release server can be told to do wrong. Plain switches: tests set them, the server reads them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Faults:
    """Switches; every one may be set while the server runs. All sizes in bytes, all times in seconds."""

    cut_after: int | None = None
    """Cut a file's body after this many bytes (bodies that are shorter pass)."""
    cuts_left: int = 0
    """How many times to cut."""
    stall_after: int | None = None
    """Send this much of a file's body, then nothing more until the server stops or `resume()`."""
    stalls_left: int = 0
    no_ranges: bool = False
    """Ignore Range and answer 200 with everything."""
    fail_times: int = 0
    """Answer the next requests with `fail_status`."""
    fail_status: int = 503
    fail_prefix: str = "/"
    """Only requests whose path starts so fail."""
    retry_after: str | None = None
    dies_after: int | None = None
    """Answer everything with `fail_status` once this many bytes of bodies were sent in all."""
    rate_limited: bool = False
    """The API answers as GitHub does when its limit is used up."""
    questions_left: int | None = None
    """How often the API may still be asked; what has not changed is free."""
    page_size: int = 100
    """Releases on a page of the API, at most."""
    drafts: set[str] = field(default_factory=set)
    previews: set[str] = field(default_factory=set)
    """Tags of releases that are not meant for everybody."""
    token: str | None = None
    """The API and the assets want this bearer token; 404 without one, as for a private repository."""
    etag_suffix: str = ""
    """Changes every ETag: the asset was replaced."""
    bytes_per_second: int | None = None
    """Slows every file body down."""
    wrong_range: bool = False
    """Answer 206 with another range than the one asked for."""
    with_digests: bool = True
    """Whether the API gives each asset's sha256."""
    stalled: threading.Event = field(default_factory=threading.Event, repr=False)
    """Set once an answer has stalled."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _resumed: threading.Event = field(default_factory=threading.Event, repr=False)

    def resume(self) -> None:
        """Let stalled answers go on."""
        self._resumed.set()

    def wait_while_stalled(self) -> None:
        """Block until `resume()`."""
        self.stalled.set()
        self._resumed.wait()

    def take_failure(self, path: str, sent: int = 0) -> bool:
        """Use up one of the failures to come, when this path is to fail; after its death everything does."""
        if self.dies_after is not None and sent >= self.dies_after:
            return True
        with self._lock:
            if self.fail_times <= 0 or not path.startswith(self.fail_prefix):
                return False
            self.fail_times -= 1
            return True

    def take_cut(self, length: int) -> int | None:
        """Return after how many bytes this body is cut, and use up one cut."""
        with self._lock:
            if self.cut_after is None or self.cuts_left <= 0 or length <= self.cut_after:
                return None
            self.cuts_left -= 1
            return self.cut_after

    def take_stall(self, length: int) -> int | None:
        """Return after how many bytes this body stalls, and use up one stall."""
        with self._lock:
            if self.stall_after is None or self.stalls_left <= 0 or length <= self.stall_after:
                return None
            self.stalls_left -= 1
            return self.stall_after
