"""The connection to the API server: its address and credentials, a proxy if there is one, how many at a time.

Called once, by the process at its start. It sends nothing.
"""

import urllib.request
from urllib.parse import urlsplit

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.configuration import Configuration

# Connections beside the watches, which never give theirs back. Each takes a quarter MiB for TLS.
REQUESTS = 24


async def connect(watches: int) -> ApiClient:
    """As the pod's own account, or as the kubeconfig says.

    Args:
        watches: how many connections the watches keep for themselves.

    Raises:
        kubernetes.config.ConfigException: if there is neither.
    """
    try:
        config.load_incluster_config()
    except config.ConfigException:
        await config.load_kube_config()
    reach = Configuration.get_default_copy()
    reach.connection_pool_maxsize = watches + REQUESTS
    # Otherwise each request reads ~/.netrc and the environment's proxies anew, in two threads of its own.
    reach.client_session_kwargs = {"trust_env": False}
    reach.proxy = reach.proxy or proxy_for(reach.host)
    return ApiClient(reach)


def proxy_for(host: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for a URL; None for none."""
    url = urlsplit(host)
    if urllib.request.proxy_bypass(url.netloc):
        return None
    return urllib.request.getproxies().get(url.scheme)
