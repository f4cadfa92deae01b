"""One frame of a video, by a real ffmpeg: what it is told, and a process that always ends.

The API key of Stash must be seen by nobody. ffmpeg takes headers as an argument, which every user of the node
can read in the list of processes, and before version 7 from no file. So URL and headers go through its
standard input, as a script for its concat demuxer (a list of one file), whose ``inpoint`` seeks as ``-ss``
before ``-i`` does; the frame that comes out is the same, byte for byte. Needs ffmpeg 5 or newer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

FRAME_TIMEOUT_S = 30.0
VERSION_TIMEOUT_S = 5.0
# A 4K frame at the best quality has 5 MB.
MOST_BYTES = 32 * 1024 * 1024
MOST_SAID = 4096
CHUNK = 64 * 1024
# The video is fetched, and nothing on this machine is opened, whatever a playlist in it says.
PROTOCOLS = "pipe,http,https,tcp,tls,httpproxy"
# Files that hold their video in themselves, by the names of ffmpeg's demuxers; concat is for our own script.
# A playlist (HLS, DASH) may pose as a video, and ffmpeg sends our header to whatever host it names.
FORMATS = (
    "concat,mov,matroska,webm,avi,asf,flv,live_flv,mpeg,mpegts,mpegvideo,m4v,h264,hevc,vc1,mjpeg,dv,rm,ogg,mxf,"
    "nut,wtv"
)
# ffmpeg inherits these and none of the sidecar's secrets.
PASSED_ON = re.compile(r"PATH|LD_LIBRARY_PATH|SSL_CERT_(FILE|DIR)|(https?|all|no)_proxy", re.IGNORECASE)
# A server that says nothing for so long, in microseconds, has ffmpeg end by itself: nobody is left to end it
# when this process was killed.
SILENCE_US = round(FRAME_TIMEOUT_S * 1_000_000)
# ffmpeg's words for a file that is none of FORMATS.
UNLISTED = "Format not on whitelist"


class FrameFailed(Exception):
    """ffmpeg gave no frame; the message says why, without URL and headers."""


class TooSlow(FrameFailed):
    """ffmpeg was stopped when its time was over."""


@dataclass(frozen=True)
class Stream:
    """A video on a server.

    Attributes:
        url: http or https.
        headers: one at most, which is what ffmpeg's script can carry; its value is secret.
        start_s: the time that the file's own clock shows at its beginning; see start_of.
    """

    url: str
    headers: Mapping[str, str]
    start_s: float = 0.0


def argv(threads: int = 1) -> tuple[str, ...]:
    """The command that reads a script and writes one JPEG to standard output; the same for every frame.

    Args:
        threads: for decoding.
    """
    return (
        *("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-threads", str(threads)),
        *("-f", "concat", "-safe", "0", "-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS),
        *("-i", "pipe:0"),
        # Decoding begins at the key frame before the wanted time, which has time 0 in the list.
        *("-copyts", "-vf", "trim=start=0", "-an", "-sn", "-dn", "-frames:v", "1"),
        *("-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "2", "-threads", "1", "pipe:1"),
    )


def probe_argv() -> tuple[str, ...]:
    """The command that reads a script and writes the time at which the file begins."""
    return (
        *("ffprobe", "-hide_banner", "-loglevel", "error"),
        *("-f", "concat", "-safe", "0", "-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS),
        *("-show_entries", "format=start_time", "-of", "csv=p=0", "-i", "pipe:0"),
    )


def script(stream: Stream, at_s: float) -> str:
    """What ffmpeg reads: the URL, the header, and where to begin, in seconds of the file's own clock.

    Raises:
        ValueError: more than one header, or a line break in URL or header.
    """
    if len(stream.headers) > 1:
        raise ValueError("ffmpeg's script carries one header at most")
    header = "".join(f"{name}: {value}" for name, value in stream.headers.items())
    if any(ord(letter) < 32 for letter in stream.url + header):
        raise ValueError("a line break or another control character in the stream's URL or header")
    lines = ["ffconcat version 1.0", f"file {_quoted(stream.url)}", f"option rw_timeout {SILENCE_US}"]
    if header:
        lines.append(f"option headers {_quoted(header)}")
    return "\n".join([*lines, f"inpoint {at_s:.3f}", ""])


def _quoted(text: str) -> str:
    """As ffmpeg reads it back: nothing is special inside single quotes but the quote."""
    return "'" + text.replace("'", r"'\''") + "'"


async def frame_at(
    stream: Stream, at_s: float, *, threads: int = 1, timeout_s: float = FRAME_TIMEOUT_S
) -> bytes:
    """The frame at a time, as a JPEG.

    Args:
        stream: the video.
        at_s: seconds from its beginning.
        threads: for decoding.
        timeout_s: for all of it.

    Raises:
        FrameFailed: ffmpeg gave none.
        TooSlow: not in time.
    """
    told = script(stream, stream.start_s + at_s)
    code, data, said = await _run(argv(threads), told, timeout_s=timeout_s, most_bytes=MOST_BYTES)
    if code == 0 and data:
        return data
    why = said.replace(stream.url, "the stream")
    for secret in filter(None, stream.headers.values()):
        why = why.replace(secret, "***")
    if UNLISTED in why:
        raise FrameFailed("the stream is a playlist, or no kind of video file that is read here")
    last = why.strip().splitlines()[-1:] or ["the video has no frame there"]
    raise FrameFailed(last[0][:200])


async def start_of(stream: Stream, *, timeout_s: float = FRAME_TIMEOUT_S) -> float:
    """The time in seconds that the file's clock shows at its beginning: 0 for most, hours for a recording.

    0 where it cannot be told.
    """
    try:
        told = script(stream, 0.0)
        code, data, _ = await _run(probe_argv(), told, timeout_s=timeout_s, most_bytes=MOST_SAID)
        return max(0.0, float(data)) if code == 0 else 0.0
    except (FrameFailed, ValueError):
        return 0.0


async def ffmpeg_available() -> bool:
    """Whether an ffmpeg can be started here."""
    try:
        code, _, _ = await _run(
            ("ffmpeg", "-version"), "", timeout_s=VERSION_TIMEOUT_S, most_bytes=MOST_BYTES
        )
    except FrameFailed:
        return False
    return code == 0


async def _run(
    command: tuple[str, ...], told: str, *, timeout_s: float, most_bytes: int
) -> tuple[int, bytes, str]:
    """Run a command on a script → exit status, output, and what it said.

    However this ends, also when the caller is cancelled, the process is gone and waited for.

    Raises:
        FrameFailed: cannot be started, or its output is too large.
        TooSlow: not in time.
    """
    pipe = asyncio.subprocess.PIPE
    env = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, env=env
        )
    except OSError as error:
        raise FrameFailed(f"{command[0]} cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout_s):
            data, said = await _talk(process, told, most_bytes)
            return await process.wait(), data, said
    except TimeoutError:
        raise TooSlow(f"{command[0]} took longer than {timeout_s:g} s") from None
    finally:
        await asyncio.shield(_end(process))


async def _talk(process: asyncio.subprocess.Process, told: str, most_bytes: int) -> tuple[bytes, str]:
    """Tell the process its script; read all that it writes, and the beginning of what it complains of."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise FrameFailed("the process has no pipes")
    process.stdin.write(told.encode())
    # It may end without having read: its exit status tells why.
    process.stdin.close()
    complaints = asyncio.create_task(_read(process.stderr, MOST_SAID))
    try:
        data = await _read(process.stdout, most_bytes + 1)
        if len(data) > most_bytes:
            raise FrameFailed(f"the frame has more than {most_bytes} bytes")
        return data, (await complaints).decode("utf-8", "replace")
    finally:
        complaints.cancel()
        # Not to be reading still when the pipe is emptied below.
        await asyncio.wait([complaints])


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    """Read to the end; keep the first ``most`` bytes."""
    kept = bytearray()
    while chunk := await stream.read(CHUNK):
        kept += chunk[: most - len(kept)]
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        # It may have ended by itself just now.
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    for stream in (process.stdout, process.stderr):
        # What is left in a pipe would keep it open.
        while stream is not None and await stream.read(CHUNK):
            pass
    await process.wait()
