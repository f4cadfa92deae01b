"""A release server behind TLS."""

from __future__ import annotations

import ssl

from go_server import Certificates
from release_server import ReleaseServer


def encrypt(server: ReleaseServer, made: Certificates) -> None:
    """Let this server speak TLS with the certificate, from the next connection on; its URL says so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    server.url = server.url.replace("http:", "https:")
