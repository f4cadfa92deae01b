"""Everything that a page should not do: complain, break, or ask others than its own host."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Route, WebError

# What is answered with where pictures of other hosts are asked for.
SVG = 'xmlns="http://www.w3.org/2000/svg" width="96" height="128"'
PIXEL = f'<svg {SVG}><rect width="96" height="128" fill="#a86"/></svg>'
WORSE = ("error", "warning")


class Watch:
    """What pages of a browser context did wrong, in words.

    Attributes:
        complaints: all of them, the allowed ones too.
        outside: addresses of other hosts that were asked for.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.outside: list[Request] = []
        self._allowed: list[str] = []
        self._pictures: list[str] = []
        context.on("console", self._console)
        context.on("weberror", self._broken)
        context.on("request", self._asked)
        # Nothing leaves this machine, whatever a page asks for.
        context.route(lambda url: urlsplit(url).hostname not in ("127.0.0.1", None), self._elsewhere)

    def allow(self, pattern: str) -> None:
        """A complaint that matches this regular expression is expected."""
        self._allowed.append(pattern)

    def pictures_of(self, start: str) -> None:
        """Pictures whose addresses begin so may be asked for, and are there."""
        self._pictures.append(start)

    def wrong(self) -> list[str]:
        """What was not allowed."""
        return [one for one in self.complaints if not any(re.search(p, one) for p in self._allowed)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in WORSE:
            self.complaints.append(f"console {message.type}: {message.text}")

    def _broken(self, error: WebError) -> None:
        self.complaints.append(f"page error: {error.error}")

    def _asked(self, request: Request) -> None:
        if request.is_navigation_request() or not request.url.startswith("http"):
            return
        if _origin(request.url) != _origin(request.frame.url):
            self.outside.append(request)
            if not self._is_picture(request):
                self.complaints.append(f"request to another host: {request.url}")

    def _elsewhere(self, route: Route) -> None:
        if self._is_picture(route.request):
            route.fulfill(body=PIXEL, content_type="image/svg+xml")
        else:
            route.abort()

    def _is_picture(self, request: Request) -> bool:
        known = any(request.url.startswith(start) for start in self._pictures)
        return known and request.resource_type == "image"


def ready(page: Page) -> Page:
    """The page, once the host has drawn it and the plugin has run."""
    page.wait_for_selector("nav.top-nav")
    page.wait_for_function("() => window.facedb !== undefined")
    return page


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
