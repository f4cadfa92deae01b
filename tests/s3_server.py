"""A real S3 server for tests: Versity's gateway over a folder. Objects are put with obstore."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import S3Store

from cluster.node.binaries import S3_GATEWAY
from go_server import free_port, make_certificates, running

USER, SECRET = "tester", "tester-secret"


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        url: its endpoint.
        root: folder whose folders are the buckets.
        meta: folder of what the server knows of buckets and objects.
        certificate: PEM file of its authority, if it speaks TLS.
    """

    url: str
    root: Path
    meta: Path
    certificate: Path | None

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object, making the bucket where needed."""
        (self.root / bucket).mkdir(exist_ok=True)
        obstore.put(self.store(bucket), key, content)

    def open_to_everybody(self, bucket: str) -> None:
        """Let everybody list and read a bucket, by a policy."""
        reading = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"]}
        reading |= {"Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
        folder = self.meta / bucket / "meta"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "policy").write_text(json.dumps({"Version": "2012-10-17", "Statement": [reading]}))

    def store(self, bucket: str) -> S3Store:
        """Return the bucket as its owner sees it."""
        options = {"root_certificate": self.certificate.read_bytes()} if self.certificate else {}
        return S3Store(
            bucket,
            endpoint=self.url,
            region="us-east-1",
            access_key_id=USER,
            secret_access_key=SECRET,
            client_options={"allow_http": True, **options},
        )


@contextmanager
def s3_server(folder: Path, *, tls: bool = False) -> Iterator[S3Server]:
    """Run a server over a folder of its own."""
    root, sidecar, port = folder / "buckets", folder / "meta", free_port()
    root.mkdir(parents=True)
    sidecar.mkdir()
    flags = ["--access", USER, "--secret", SECRET, "--port", f"127.0.0.1:{port}", "--quiet"]
    certificate = None
    if tls:
        made = make_certificates(folder)
        certificate = made.authority
        flags += ["--cert", str(made.certificate), "--key", str(made.key)]
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    command = [*flags, "posix", "--sidecar", str(sidecar), str(root)]
    with running(S3_GATEWAY, *command, url=url, log=folder / "s3.log"):
        yield S3Server(url, root, sidecar, certificate)
