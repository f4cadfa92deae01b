"""A certificate authority, certificates under it, and a kubeconfig for each component; openssl does it."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from pathlib import Path

from cluster.node.layout import CLUSTER_DOMAIN, NODE_IP, NODE_NAME, SERVICE_IP, api_url, kubeconfig, state_dir
from cluster.node.say import NodeError

# Certificate's common name and organisation, as Kubernetes' default roles expect them.
# https://kubernetes.io/docs/setup/best-practices/certificates/
CLIENTS = {
    "admin": ("facedb-admin", "system:masters"),
    "apiserver-kubelet": ("facedb-apiserver", "system:masters"),
    "kubelet": (f"system:node:{NODE_NAME}", "system:nodes"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
}

# What RFC 5280 asks of every certificate, and Python 3.13 insists on.
_LEAF = "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"


def folder() -> Path:
    """Where keys and certificates lie."""
    return state_dir() / "pki"


def make() -> None:
    """Make everything that is not there yet."""
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder() / "ca.crt").exists():
        _openssl(
            *("req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "365", "-subj", "/CN=facedb-ca", "-keyout", "ca.key", "-out", "ca.crt"),
            # Python 3.13 refuses an authority that does not say what its key is for.
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        _openssl("genrsa", "-out", "service-account.key", "2048")
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", NODE_NAME]
    names.append(f"kubernetes.default.svc.{CLUSTER_DOMAIN}")
    addresses = ["127.0.0.1", NODE_IP, SERVICE_IP]
    san = ",".join([*(f"DNS:{n}" for n in names), *(f"IP:{a}" for a in addresses)])
    _issue("apiserver", "kube-apiserver", "", f"subjectAltName={san}\nextendedKeyUsage=serverAuth")
    for name, (common, organisation) in CLIENTS.items():
        _issue(name, common, organisation, "extendedKeyUsage=clientAuth")
        if name != "apiserver-kubelet":
            target = kubeconfig() if name == "admin" else state_dir() / f"{name}.kubeconfig"
            target.write_text(_kubeconfig(name))
            target.chmod(0o600)


def _issue(name: str, common: str, organisation: str, extension: str) -> None:
    if (folder() / f"{name}.crt").exists():
        return
    subject = f"/CN={common}" + (f"/O={organisation}" if organisation else "")
    (folder() / f"{name}.ext").write_text(_LEAF + extension)
    _openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr"),
    )
    _openssl(
        *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"),
        *("-days", "365", "-extfile", f"{name}.ext", "-out", f"{name}.crt"),
    )


def _openssl(*args: str) -> None:
    done = subprocess.run(["openssl", *args], cwd=folder(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NodeError(f"openssl {args[0]} failed:\n{done.stderr}")


def _kubeconfig(name: str) -> str:
    def data(file: str) -> str:
        return b64encode((folder() / file).read_bytes()).decode()

    cluster = {"server": api_url(), "certificate-authority-data": data("ca.crt")}
    user = {"client-certificate-data": data(f"{name}.crt"), "client-key-data": data(f"{name}.key")}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "facedb", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "facedb", "context": {"cluster": "facedb", "user": name}}],
            "current-context": "facedb",
        },
        indent=1,
    )
