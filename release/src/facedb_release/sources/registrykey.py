"""A registry's challenge → the answer to it: a bearer token for one repository, or user and password.

Spec: https://distribution.github.io/distribution/spec/auth/token/ and RFC 9110 section 11.
"""

from __future__ import annotations

import json
import logging
import os
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from facedb_release.network import same_place, session_of
from facedb_release.transport import Refused, read_answer, request, unavailable

USER_VARIABLE = "FACEDB_REGISTRY_USER"
PASSWORD_VARIABLE = "FACEDB_REGISTRY_PASSWORD"  # noqa: S105 - the variable's name
_DOCKER_HUB = "https://index.docker.io/v1/"
_MAX_TOKEN = 1 << 20
_MAX_CHALLENGE = 4096
_PARAMETER = re.compile(
    r"(?:(?P<scheme>[A-Za-z]{1,20})[ \t]{1,9})?(?P<name>[A-Za-z_]{1,40})[ \t]{0,9}=[ \t]{0,9}"
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]+))'
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Challenge:
    """What a registry wants: `bearer` or `basic`, with realm, service, scope."""

    scheme: str
    parameters: dict[str, str]


@dataclass(frozen=True)
class Credentials:
    """A user and a password."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Name the user only."""
        return f"Credentials({self.user!r})"

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()


class RegistryKey:
    """The key for one repository. Begins without any, since many are public.

    Args:
        host: of the registry, as docker's config names it.
        address: `https://registry/v2/name`.
    """

    hint = (
        f"Set {USER_VARIABLE} and {PASSWORD_VARIABLE}, or log in with docker, as somebody who may pull from "
        "the repository."
    )

    def __init__(self, host: str, address: str) -> None:
        self._host = host
        self._address = address
        self._authorization: str | None = None

    def prepare(self, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Send the token along, once there is one."""
        own = {"Authorization": self._authorization} if self._authorization else {}
        return url, {**headers, **own}

    def renew(self, client: httpx.Client, response: httpx.Response) -> bool:
        """Answer the challenge of a 401; false when there is none that we can answer.

        Raises:
            Refused: if the token service does not answer as it should.
        """
        challenges = parse_challenges(response.headers.get_list("WWW-Authenticate"))
        credentials = credentials_for(self._host)
        for challenge in challenges:
            if challenge.scheme == "bearer" and "realm" in challenge.parameters:
                self._authorization = "Bearer " + self._token(client, challenge, credentials)
                return True
        if credentials and any(c.scheme == "basic" for c in challenges):
            fresh = self._authorization != credentials.basic
            self._authorization = credentials.basic
            return fresh
        return False

    def _token(self, client: httpx.Client, challenge: Challenge, credentials: Credentials | None) -> str:
        realm = challenge.parameters["realm"]
        if urlsplit(self._address).scheme == "https" and urlsplit(realm).scheme != "https":
            raise Refused(unavailable(self._address, "it wants its token to be asked for without TLS"))
        name = self._address.partition("/v2/")[2]
        asked = {"scope": challenge.parameters.get("scope") or f"repository:{name}:pull"}
        if service := challenge.parameters.get("service"):
            asked["service"] = service
        url = httpx.URL(realm).copy_merge_params(asked)
        headers = {"Authorization": credentials.basic} if credentials else {}
        if same_place(httpx.URL(self._address), url):
            headers = {**session_of(client).network.headers, **headers}
        with request(client, str(url), headers, bare=True) as response:
            if response.status_code != 200:
                raise Refused(unavailable(str(url), f"it answered {response.status_code} instead of a token"))
            body = read_answer(response, str(url), max_bytes=_MAX_TOKEN)
        return _token_in(body, str(url))


def parse_challenges(values: list[str]) -> tuple[Challenge, ...]:
    """Read WWW-Authenticate headers; what cannot be understood is left out."""
    found: list[Challenge] = []
    for value in values:
        for form in _PARAMETER.finditer(value[:_MAX_CHALLENGE]):
            if form["scheme"]:
                found.append(Challenge(form["scheme"].lower(), {}))
            quoted = form["quoted"]
            text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else form["bare"]
            if found:
                found[-1].parameters.setdefault(form["name"].lower(), text)
    return tuple(found)


def credentials_for(host: str) -> Credentials | None:
    """Return user and password from the environment, else from docker's config.json; None without any."""
    user, password = os.environ.get(USER_VARIABLE), os.environ.get(PASSWORD_VARIABLE)
    if user and password:
        return Credentials(user, password)
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    try:
        logins = json.loads(path.read_bytes()).get("auths", {})
        return _login(logins, _DOCKER_HUB if host == "docker.io" else host)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as e:
        _log.warning("%s cannot be used to log in to %s: %s", path, host, type(e).__name__)
        return None


def _login(logins: dict[str, dict[str, str]], host: str) -> Credentials | None:
    known = {name.removeprefix("https://").removesuffix("/"): login for name, login in logins.items()}
    login = logins.get(host) or known.get(host, {})
    if login.get("auth"):
        user, colon, password = b64decode(login["auth"]).decode().partition(":")
        return Credentials(user, password) if colon else None
    if login.get("username") and login.get("password"):
        return Credentials(login["username"], login["password"])
    return None


def _token_in(body: bytes, url: str) -> str:
    try:
        raw = json.loads(body)
        token = raw.get("token") or raw.get("access_token")
    except (ValueError, AttributeError, RecursionError) as e:
        raise Refused(unavailable(url, "it answered something else than a token")) from e
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise Refused(unavailable(url, "it answered without a token"))
    return token
