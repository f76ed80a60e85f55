"""Every chapter re-executed and compared with its committed outputs, and proof that the comparison bites."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RECORD = "application/vnd.bizai.record+json"


def nbval(*arguments, cwd=ROOT):
    """Run pytest with nbval, strictly, in a process of its own."""
    options = ["--nbval", "--color=no", "-p", "no:cacheprovider", "-o", "addopts=", "-q"]
    return subprocess.run([sys.executable, "-m", "pytest", *options, *map(str, arguments)],
                          cwd=cwd, capture_output=True, text=True)


def test_chapters_reproduce_their_outputs():
    done = nbval("-n", "2", "--dist", "loadfile", *NOTEBOOKS)
    assert done.returncode == 0, done.stdout[-8000:]
    assert "skipped" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_committed_form(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 2**20, "a notebook stays under 1 MB"
    assert notebook["metadata"] == {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                                    "language_info": {"name": "python"}}
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1))
    ids = [c["id"] for c in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert not any("execution" in c["metadata"] for c in code), "timings are not committed"
    assert not any(o["output_type"] == "stream" and o["name"] == "stderr" for c in code for o in c["outputs"])
    names = [o["data"][RECORD]["name"] for c in code for o in c["outputs"] if RECORD in o.get("data", {})]
    assert names and len(set(names)) == len(names), "a recorded name stands once"


PLOT = """plt = style()
fig, ax = plt.subplots(figsize=(2, 1))
figure(fig, "empty", alt="Nothing at all", data=pd.DataFrame({"x": [0.25]}))"""
TOY = [
    "share = 0.5\nseed = 1",
    'import pandas as pd\nfrom bizai.chapter import figure, record, say, style\nrecord("answer", share * 2.469, "hours")\nrecord("count", 1234)\nNone',
    'say("The answer is {answer:.3f} in {count} words.")',
    PLOT,
    'print("seven is", 7, "and a half is", share, "or +0.5 # e")',
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A small executed notebook beside the conftest that compares it."""
    import nbformat

    from bizai.rerun.execute import execute, normalise

    folder = tmp_path_factory.mktemp("toy")
    shutil.copy(ROOT / "notebooks" / "conftest.py", folder)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in TOY])
    execute(notebook, cwd=folder)
    nbformat.write(normalise(notebook), folder / "toy.ipynb")
    return folder


def outputs(notebook):
    """All outputs of a notebook's code cells."""
    return [o for c in notebook["cells"] for o in c["outputs"]]


def recorded(factor):
    """Change the recorded number by a factor."""
    def change(notebook):
        payload = next(o["data"][RECORD] for o in outputs(notebook) if RECORD in o.get("data", {}))
        payload["value"] *= factor
    return change


def replaced(old, new, key):
    """Change a text in the outputs of a kind."""
    def change(notebook):
        for output in outputs(notebook):
            holder = output if key == "text" else output.get("data", {})
            if key in holder:
                text = "".join(holder[key])
                holder[key] = text.replace(old, new)
    return change


def loosened(notebook):
    """Give the recorded number a tolerance that lets anything pass."""
    payload = next(o["data"][RECORD] for o in outputs(notebook) if RECORD in o.get("data", {}))
    payload.update(value=payload["value"] * 1e6, rtol=1.0)


def without_figure(notebook):
    """Take the image out of a figure's output."""
    for output in outputs(notebook):
        output.get("data", {}).pop("image/svg+xml", None)


def silenced(notebook):
    """Tell nbval to ignore a cell's outputs."""
    notebook["cells"][-1]["source"] = "# NBVAL_IGNORE_OUTPUT\n" + "".join(notebook["cells"][-1]["source"])


def unexecuted(notebook):
    """Forget that the third cell was run."""
    notebook["cells"][2].update(execution_count=None, outputs=[])


def stripped(notebook):
    """Drop every output."""
    for cell in notebook["cells"]:
        cell.update(execution_count=None, outputs=[])


def outputs_dropped(notebook):
    """Drop the outputs and keep the counts."""
    for cell in notebook["cells"]:
        cell["outputs"] = []


def failed(notebook):
    """Put an error output into the last cell, as a failing execution would."""
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
    notebook["cells"][-1]["outputs"] = [error]


CHANGES = {
    "recorded number by 1 in 1000": recorded(1.001),
    "recorded number by 1 in a million": recorded(1.000001),
    "float in prose": replaced("1.234", "1.235", "text/markdown"),
    "word in prose": replaced("answer is", "answer was", "text/markdown"),
    "integer in prose": replaced("in 1234 words", "in 1235 words", "text/markdown"),
    "integer in print": replaced("seven is 7", "seven is 8", "text"),
    "float in print": replaced("0.5", "0.5005", "text"),
    "plus sign in print": replaced("+0.5", "0.5", "text"),
    "float replaced by a mark": replaced("+0.5", "#", "text"),
    "decimals in print": replaced("0.5", "0.50", "text"),
    "row of a figure's data": replaced("0.25", "0.26", "text/html"),
    "tolerance": loosened,
    "missing figure": without_figure,
    "silenced cell": silenced,
    "unexecuted cell": unexecuted,
    "stripped notebook": stripped,
    "outputs dropped": outputs_dropped,
    "error output": failed,
}


def test_unchanged_copy_passes(toy):
    done = nbval("toy.ipynb", cwd=toy)
    assert done.returncode == 0 and f"{len(TOY)} passed" in done.stdout, done.stdout


def test_rounding_noise_passes(toy):
    notebook = json.loads((toy / "toy.ipynb").read_text())
    recorded(1 + 1e-12)(notebook)
    (toy / "noise.ipynb").write_text(json.dumps(notebook))
    assert nbval("noise.ipynb", cwd=toy).returncode == 0


@pytest.mark.parametrize("name", CHANGES)
def test_change_is_caught(toy, name):
    original = (toy / "toy.ipynb").read_text()
    notebook = json.loads(original)
    CHANGES[name](notebook)
    assert notebook != json.loads(original), "the change did not apply"
    path = toy / f"{name.replace(' ', '-')}.ipynb"
    path.write_text(json.dumps(notebook))
    done = nbval(path.name, cwd=toy)
    assert done.returncode == 1, done.stdout
    assert "failed" in done.stdout and "plugin exception" not in done.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_change_in_a_chapter_is_caught(path, tmp_path):
    """One recorded number of the real chapter, in its last recording cell, by one part in a thousand."""
    shutil.copy(ROOT / "notebooks" / "conftest.py", tmp_path)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    payloads = [o["data"][RECORD] for c in notebook["cells"] if c["cell_type"] == "code" for o in c["outputs"]
                if RECORD in o.get("data", {})]
    changed = next(p for p in reversed(payloads) if isinstance(p["value"], float) and p["value"])
    changed["value"] *= 1.001
    (tmp_path / path.name).write_text(json.dumps(notebook), encoding="utf-8")
    done = nbval(path.name, cwd=tmp_path)
    assert done.returncode == 1, done.stdout[-3000:]
    assert "1 failed" in done.stdout and "Cell outputs differ" in done.stdout
