"""Find a Chromium for the site tests, install one where possible, or say exactly what to install.

`python -m tests.site.browser` is what `make test` calls first.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")
ADVICE = ("no Chromium was found and none could be installed: install the package `chromium` of your system "
          "(Debian: apt-get install chromium) or run `.venv/bin/playwright install chromium`, then `make test` again")


def _playwrights_own():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def find():
    """Path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None) or _playwrights_own()


def _try(*command):
    print("+", " ".join(command), flush=True)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def ensure():
    """Path of a Chromium, installed if need be.

    Raises
    ------
    SystemExit
        With the advice, where there is none and none could be installed.
    """
    if path := find():
        return path
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        _try("apt-get", "update")
        _try("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
    else:
        _try(sys.executable, "-m", "playwright", "install", "chromium")
    return find() or sys.exit(ADVICE)


if __name__ == "__main__":
    print("browser:", ensure())
