"""``python -m facedb_operator``: run the operator with its settings from the environment."""

import asyncio
import logging

import kopf

from facedb_operator import handlers
from facedb_operator.settings import Settings


def main() -> None:
    """Run until SIGTERM. Logs are JSON lines on stderr."""
    settings = Settings.from_env()
    kopf.configure(log_format=kopf.LogFormat.JSON, log_prefix=False)
    # Probes are no news.
    for noisy in ("aiohttp.access", "httpx", "kopf.activities", "kopf.objects"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    operator = kopf.operator(
        registry=kopf.get_default_registry(),
        memo=kopf.Memo(),
        # kopf would ask for the user's name, and a user id of a pod has none.
        identity=settings.identity,  # type: ignore[arg-type]  # a str by another name, not exported
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        standalone=True,
        liveness_endpoint=f"http://0.0.0.0:{settings.health_port}/healthz",
    )
    asyncio.run(operator)


__all__ = ["handlers", "main"]

if __name__ == "__main__":
    main()
