"""A folder of releases → the JSON that GitHub's releases API would give for it. For release_server only."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote


def releases(root: Path, owner: str, repo: str, *, base: str, with_digests: bool) -> list[dict[str, Any]]:
    """Return the repository's releases, the newest version first.

    Args:
        root: holds `<owner>/<repo>/<tag>/<asset files>`.
        owner: of the repository.
        repo: its name.
        base: URL of the server, without a slash at its end.
        with_digests: whether each asset says its sha256.
    """
    folder = root / owner / repo
    tags = [p for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
    tags.sort(key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)], reverse=True)
    return [_release(owner, repo, tag, base, with_digests) for tag in tags]


def page_of(
    found: list[dict[str, Any]], asked: Mapping[str, list[str]], url: str, most: int
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return one page of releases, and the header that leads to the next one."""
    size = min(most, int(asked.get("per_page", ["30"])[0]))
    page = int(asked.get("page", ["1"])[0])
    link = f'<{url}?per_page={size}&page={page + 1}>; rel="next"'
    return found[size * (page - 1) : size * page], {"Link": link} if len(found) > size * page else {}


def limits(left: int) -> dict[str, str]:
    """Return the headers that say how often the API may still be asked, and from when on again."""
    return {"X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": str(int(time.time()) + 1800)}


def _release(owner: str, repo: str, tag: Path, base: str, with_digests: bool) -> dict[str, Any]:
    when = datetime.fromtimestamp(tag.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": _number(owner, repo, tag.name),
        "tag_name": tag.name,
        "name": f"Release {tag.name}",
        "draft": False,
        "prerelease": False,
        "created_at": when,
        "published_at": when,
        "body": "",
        "assets": [_asset(owner, repo, tag, p, base, with_digests) for p in sorted(tag.iterdir())],
    }


def _asset(owner: str, repo: str, tag: Path, path: Path, base: str, with_digests: bool) -> dict[str, Any]:
    stat = path.stat()
    number = _number(owner, repo, tag.name, path.name)
    asset = {
        "id": number,
        "name": path.name,
        "size": stat.st_size,
        "content_type": "application/zip",
        "state": "uploaded",
        "url": f"{base}/repos/{owner}/{repo}/releases/assets/{number}",
        "browser_download_url": f"{base}/download/" + quote(f"{owner}/{repo}/{tag.name}/{path.name}"),
    }
    if with_digests:
        asset["digest"] = "sha256:" + _sha256(str(path), stat.st_mtime_ns, stat.st_size)
    return asset


def _number(*names: str) -> int:
    return int(hashlib.sha256("/".join(names).encode()).hexdigest()[:7], 16)


@lru_cache(maxsize=256)
def _sha256(path: str, mtime_ns: int, size: int) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
