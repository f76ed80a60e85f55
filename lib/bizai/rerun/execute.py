"""Executing a notebook in a kernel of its own, and saying plainly why it failed."""

import copy
import os
import re
import signal
import tempfile

__all__ = ["ENVIRONMENT", "ChapterFailed", "execute", "fault", "normalise"]

# A chapter computes on one thread of each numerical library, so that two can run side by side and print the same numbers.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "agg",
    "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


class ChapterFailed(RuntimeError):
    """A chapter did not run to its end; the message names the cell and the cause."""


def _died(client, cell):
    """The sentence for a kernel that is gone."""
    process = getattr(getattr(client.km, "provisioner", None), "process", None)
    code = process.poll() if process else None
    how = f"signal {-code} ({signal.Signals(-code).name})" if code is not None and code < 0 else f"exit code {code}"
    killed = code in (-9, -15)
    return f"the kernel died in cell {cell}: {how}{'; it was killed from outside or ran out of memory' if killed else ''}"


def execute(notebook, *, cwd, progress=None):
    """Run every code cell of a notebook, in place, in a fresh kernel.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its outputs are replaced.
    cwd : Path
        Working directory of the kernel.
    progress : callable, optional
        Called without arguments after each code cell.

    Raises
    ------
    ChapterFailed
        If a cell raises, or the kernel dies or stops answering.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory(prefix="bizai-") as sockets:
        _execute(notebook, cwd, sockets, progress)
    if cause := fault(notebook):
        raise ChapterFailed(cause)


def _execute(notebook, cwd, sockets, progress):
    """Run the cells, talking to the kernel through files: a free port may be taken before the kernel has bound it."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from traitlets.config import Config

    client = NotebookClient(
        notebook, timeout=None, record_timing=False, kernel_name="python3", extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(cwd)}},
        config=Config(KernelManager={"transport": "ipc", "connection_file": os.path.join(sockets, "kernel.json")}))
    client.reset_execution_trackers()
    cell = None
    with client.setup_kernel(env=os.environ | ENVIRONMENT):
        try:
            for number, cell in enumerate(notebook.cells):
                if cell.cell_type == "code":
                    client.execute_cell(cell, number)
                    if progress:
                        progress()
        except CellExecutionError as error:
            raise ChapterFailed(f"cell {cell.id} raised {error.ename}: {error.evalue}") from None
        except DeadKernelError:
            raise ChapterFailed(_died(client, cell.id)) from None


def fault(notebook):
    """Why a notebook does not count as executed, or None."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        if cell.get("execution_count") is None and "".join(cell["source"]).strip():
            return f"cell {cell['id']} was never executed"
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                return f"cell {cell['id']} raised {output['ename']}: {output['evalue']}"
    return None


def normalise(notebook):
    """A copy fit to be committed: no timings, no machine's details, one kernel name."""
    clean = copy.deepcopy(notebook)
    clean.metadata = type(clean.metadata)(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"})
    for cell in clean.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = re.sub(r"0x[0-9a-f]{6,}", "0x...", output.text)
    return clean
