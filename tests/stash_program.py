"""Stash itself, the newest that the Go proxy has: its server and its pages, built once and kept.

The module holds the sources of both, but not what its generators make of them: the server's GraphQL, the
pages' types, and the bundle that the program embeds.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from cluster.node import go_modules
from cluster.node.layout import GO_MODULES, cache_dir
from cluster.node.say import NodeError, step

MODULE = "github.com/stashapp/stash"
# As Stash's own releases are built. The same for its generator, which compiles all that the program imports.
FLAGS = "-mod=mod -trimpath -buildvcs=false -tags=sqlite_stat4,sqlite_math_functions"
# A dependency of the pages names a Git repository for what npm has as well.
OVERRIDES = {"webcomponents.js": "0.7.24"}
# Most of the bundler's minutes go into a second bundle, for browsers of ten years ago.
FOR_TODAYS_BROWSERS = {"VITE_APP_NOLEGACY": "true"}
PAGES = (
    ("npm", "install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"),
    ("npx", "--no-install", "graphql-codegen", "--config", "codegen.ts"),
    ("npx", "--no-install", "vite", "build"),
)


def schema() -> str:
    """Stash's GraphQL schema, as its module has it."""
    files = (go_modules.folder("stash", MODULE) / "graphql" / "schema").rglob("*.graphql")
    return "\n".join(file.read_text() for file in sorted(files))


def program() -> Path:
    """The program, with its pages inside; built if it is missing. Go, gcc and npm are needed for that.

    Raises:
        NodeError: a step failed; the message ends with its words.
    """
    store = cache_dir() / "programs"
    store.mkdir(parents=True, exist_ok=True)
    target = store / f"stash-{_key()}"
    # Another lock than the other programs': these minutes are nobody else's.
    with (store / ".stash.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with TemporaryDirectory(prefix="stash-build-", dir=cache_dir()) as folder:
                _build(Path(folder) / "source", target)
    return target


def _key() -> str:
    """Stands for what the program is made of and how."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted((GO_MODULES / "stash").glob("*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _build(source: Path, target: Path) -> None:
    shutil.copytree(go_modules.folder("stash", MODULE), source)
    for path in (source, *source.rglob("*")):
        # The module cache cannot be written to.
        path.chmod(path.stat().st_mode | 0o200)
    with step("Building Stash's pages (minutes, once)"):
        pages = source / "ui" / "v2.5"
        _as_npm_has_it(pages)
        for command in PAGES:
            _run(*command, cwd=pages)
    with step("Building Stash from the Go module proxy (minutes, once)"):
        _run("go", "generate", "./cmd/stash", cwd=source)
        part = target.with_suffix(".part")
        version = f"-X {MODULE}/internal/build.version={go_modules.version('stash', MODULE)}"
        _run("go", "build", "-ldflags", f"-s -w {version}", "-o", str(part), "./cmd/stash", cwd=source)
        part.replace(target)


def _as_npm_has_it(pages: Path) -> None:
    """Versions as in yarn's lock: npm heeds it where the files come from the registry that it is set to."""
    registry = _run("npm", "config", "get", "registry", cwd=pages).strip().rstrip("/")
    lock = pages / "yarn.lock"
    kept = re.sub(r'^"webcomponents\.js@git.*?\n\n', "", lock.read_text(), flags=re.DOTALL | re.MULTILINE)
    lock.write_text(kept.replace("https://registry.yarnpkg.com", registry))
    about = json.loads((pages / "package.json").read_text())
    (pages / "package.json").write_text(json.dumps(about | {"overrides": OVERRIDES}))


def _run(*command: str, cwd: Path) -> str:
    env = {**os.environ, "CGO_ENABLED": "1", "GOWORK": "off", "GOFLAGS": FLAGS, **FOR_TODAYS_BROWSERS}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NodeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout
