"""Files that are there whole or not at all, and folders for unfinished work."""

import os
import re
import shutil
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path

from .chapters import digest

__all__ = ["scratch", "write", "replace"]


def _here():
    """Short name of where process ids mean what they do here: this machine, and this container of it."""
    try:
        container = os.readlink("/proc/self/ns/pid")
    except OSError:         # not Linux
        container = ""
    return digest(socket.gethostname(), container)[:8]


def _is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _remove_abandoned(parent, prefix):
    """Remove what processes left when they were killed; the prefix tells where they were."""
    for folder in parent.glob(f"{prefix}*"):
        owner = re.match(r"\d+(?=-)", folder.name.removeprefix(prefix))
        if owner and not _is_alive(int(owner[0])):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch(parent=None, label="bizai-"):
    """A new folder in `parent` (the system's folder for temporary files), removed at the end unless it was renamed.

    Its name tells machine and process, so that the next one finds and removes what a killed process has left.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    parent, prefix = Path(parent or tempfile.gettempdir()), f"{label}{_here()}-"
    _remove_abandoned(parent, prefix)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(path, text):
    """Write a file and have it on the disk before anything refers to it."""
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def replace(path, text, parent=None):
    """Write a file in one step, in the place of an older one; what is unfinished is in a hidden folder of `parent`."""
    with scratch(parent or path.parent, ".") as folder:
        write(folder / path.name, text)
        os.replace(folder / path.name, path)
