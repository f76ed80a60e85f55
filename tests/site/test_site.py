"""The built site in a real browser: no request to another host, no console error, nothing broken."""

import functools
import http.server
import posixpath
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlparse

import pytest
from playwright.sync_api import sync_playwright

from tests.site import browser

HTML = Path(__file__).parents[2] / "_build" / "html"
PAGES = sorted(p.relative_to(HTML).as_posix() for p in HTML.rglob("*.html") if "_static" not in p.parts)
WIDTHS = (390, 1280)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def address():
    """Address of a local server of the built site."""
    handler = functools.partial(Quiet, directory=HTML)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium():
    """A running browser."""
    with sync_playwright() as playwright:
        with playwright.chromium.launch(executable_path=browser.ensure(), args=list(browser.FLAGS)) as running:
            yield running


class Visit:
    """A page opened with every request to another host blocked, and what went wrong on it."""

    def __init__(self, chromium, address, page, width=1280, scheme="light"):
        self.foreign, self.errors, self.missing = [], [], []
        self.tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.tab.route("**/*", self._route)
        self.tab.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        self.tab.on("pageerror", lambda e: self.errors.append(str(e)))
        self.tab.on("response", lambda r: r.status >= 400 and self.missing.append(r.url))
        self.host = urlparse(address).netloc
        self.tab.goto(urljoin(address, page), wait_until="load")
        self.tab.wait_for_load_state("networkidle")

    def _route(self, route):
        url = urlparse(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.netloc != self.host:
            self.foreign.append(route.request.url)
            route.abort()
        else:
            route.continue_()


def test_every_chapter_has_a_page():
    names = ("gradient_descent", "svm_dual", "kmeans", "backpropagation", "lstm", "collaborative_filtering",
             "matrix_factorisation", "arima", "var", "queueing", "npv_irr")
    assert {"index.html", "book/index.html", "book/notation.html", "book/reruns.html", *(f"notebooks/{name}.html" for name in names)} <= set(PAGES)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_page_is_whole(chromium, address, page, scheme):
    for width in WIDTHS:
        visit = Visit(chromium, address, page, width, scheme)
        assert (visit.foreign, visit.errors, visit.missing) == ([], [], []), (page, width)
        overflow = visit.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{page} at {width} px scrolls sideways by {overflow} px"
        visit.tab.close()


@pytest.mark.parametrize("page", [p for p in PAGES if p.startswith("notebooks/")])
def test_chapter_is_readable(chromium, address, page):
    visit = Visit(chromium, address, page)
    tab = visit.tab
    assert tab.locator("mjx-container").count() > 20, "mathematics is not typeset"
    assert tab.locator("mjx-merror, mjx-container [data-mjx-error]").count() == 0
    images = tab.locator("article img")
    assert images.count() >= 3
    for image in images.all():
        alt = image.get_attribute("alt") or ""
        assert len(alt) > 40 and any(c.isdigit() for c in alt), f"alt text says too little: {alt!r}"
        assert image.evaluate("i => i.complete && i.naturalWidth > 0")
    text = tab.locator("article").inner_text()
    assert "Trust panel" in text and "Exercises" in text
    assert "{eq}" not in text and "{footcite" not in text and "[eq:" not in text
    tab.close()


class Anchors(HTMLParser):
    """Ids and links of a page."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed((HTML / page).read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Collect them."""
        found = dict(attributes)
        self.ids.update(found[key] for key in ("id", "name") if found.get(key))
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])


def test_links_lead_somewhere():
    pages = {page: Anchors(page) for page in PAGES}
    broken = []
    for page, anchors in pages.items():
        for link in anchors.links:
            url = urlparse(link)
            if url.scheme or url.netloc:
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(url.path))) if url.path else page
            if not (HTML / target).exists() or url.fragment and unquote(url.fragment) not in pages[target].ids:
                broken.append((page, link))
    assert not broken
