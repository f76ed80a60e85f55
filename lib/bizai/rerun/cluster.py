"""A dask scheduler and workers on this machine's cores, apart from the process that wants them.

In a process of their own they neither run the user's script again, as workers that are spawned from it would, nor see the
Ctrl-C of its terminal; and they end with it, however it ends.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager

from .files import scratch

__all__ = ["local_cluster", "ClusterFailed"]

_SETTINGS = {"distributed.worker.memory.pause": False, "distributed.worker.memory.terminate": False}    # kernels are apart


class ClusterFailed(RuntimeError):
    """The processes of a cluster could not be started."""


@contextmanager
def local_cluster(workers):
    """Address of a scheduler with so many workers of one thread each, which end with the context."""
    with scratch() as folder, tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "-P", "-m", __spec__.name, str(workers), str(folder)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        try:
            address = process.stdout.readline().decode().strip()
            if not address:
                process.wait()
                log.seek(0)
                last = (log.read().decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
                raise ClusterFailed(f"the processes of the sweep did not start: {last}")
            yield address
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait()


def main():
    """Start the cluster, print the scheduler's address, and end when standard input does."""
    import logging

    import dask
    from distributed import LocalCluster

    with dask.config.set(_SETTINGS | {"temporary-directory": sys.argv[2]}):
        cluster = LocalCluster(n_workers=int(sys.argv[1]), threads_per_worker=1, host="127.0.0.1", dashboard_address=None,
                               memory_limit=0, silence_logs=logging.CRITICAL)
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
        os._exit(0)         # the workers notice at once, and their kernels with them


if __name__ == "__main__":
    main()
