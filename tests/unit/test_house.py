"""What holds the house together: locks, imports, layers, samples, the ledger."""

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def ranges(lines):
    """Name to version range of requirement lines, without markers and comments."""
    found = {}
    for line in lines:
        name, spec = re.fullmatch(r"([A-Za-z0-9-]+)\s*([^;]*?)\s*(?:;.*)?", line).groups()
        found[name.removesuffix("-cpu") if name == "tensorflow-cpu" else name] = spec
    return found


def test_environment_says_the_same_as_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = environment.pop()["pip"]
    assert pip.pop() == "--editable ."
    conda = ranges([line for line in environment if line != "pip"] + pip)
    assert conda.pop("python") == PROJECT["requires-python"]
    extras = PROJECT["optional-dependencies"]
    assert conda == ranges(PROJECT["dependencies"] + extras["book"] + extras["test"])


def test_customers_packages_are_there():
    asked = {"jupyter-book", "jupyterlab", "papermill", "numpy", "pandas", "matplotlib", "scikit-learn", "statsmodels",
             "tensorflow", "nbval"}
    assert asked <= ranges(PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])).keys()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-bench.lock"])
def test_lock_is_exact_hashed_and_names_no_address(name):
    text = (ROOT / name).read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    for block in blocks:
        assert re.match(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==\S+", block), block[:80]
        assert "--hash=sha256:" in block, block[:80]


def test_lock_satisfies_pyproject():
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.M))
    from packaging.specifiers import SpecifierSet

    for name, spec in ranges(PROJECT["dependencies"] + PROJECT["optional-dependencies"]["book"]
                             + PROJECT["optional-dependencies"]["test"]).items():
        assert locked[name] in SpecifierSet(spec), name


def loaded(statement):
    """Names of the top-level modules that a statement loads, in a fresh process."""
    code = f"import sys; {statement}; print(' '.join({{m.split('.')[0] for m in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("statement", ["import bizai", "import bizai.queueing", "import bizai.finance"])
def test_import_is_lean(statement):
    assert not {"scipy", "sklearn", "pandas", "matplotlib", "tensorflow", "pydantic", "IPython"} & loaded(statement)


@pytest.mark.parametrize("name", ["optimize", "svm", "cluster", "network", "recurrent", "recommend", "forecast"])
def test_learners_load_no_more_than_scikit_learn(name):
    more = loaded(f"import bizai.{name}") - loaded("import sklearn.base, sklearn.utils.validation")
    assert not {"pandas", "matplotlib", "tensorflow", "keras", "pydantic", "IPython"} & more


def test_only_the_chapters_on_networks_load_tensorflow():
    from bizai.rerun.chapters import chapters

    networks = {name for name, chapter in chapters().items()
                if re.search(r"^\s*(import|from) (tensorflow|keras)", chapter.code, re.M)}
    assert networks == {"backpropagation", "lstm", "matrix_factorisation"}
    for path in (ROOT / "lib").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) (tensorflow|keras)", path.read_text(), re.M), path


def test_import_takes_under_150_ms():
    code = "import time; t = time.perf_counter(); import bizai; print(time.perf_counter() - t)"
    seconds = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
               for _ in range(3)]
    assert min(seconds) < 0.15


def test_refusing_loads_no_kernel_and_no_plots():
    assert not {"matplotlib", "nbclient", "papermill", "tensorflow", "sklearn", "statsmodels"} & loaded(
        "from bizai.rerun.chapters import find; from bizai.rerun.jobs import Checks; Checks(find('queueing')).job()")


def imports(path):
    """Absolute names of the bizai modules that a file imports."""
    package = path.relative_to(ROOT / "lib").parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else ()
            yield ".".join((*base, node.module or ""))


def test_arrows_go_one_way():
    for path in (ROOT / "lib" / "bizai").rglob("*.py"):
        layer = path.relative_to(ROOT / "lib" / "bizai").parts[0]
        forbidden = {"rerun": (), "chapter": ("bizai.rerun",)}.get(layer, ("bizai.rerun", "bizai.chapter"))
        assert not [name for name in imports(path) if name.startswith(forbidden or ("-",))], path


# a module, or a package of modules, and the chapters that derive it
MATHEMATICS = {
    "queueing": ["queueing"], "finance": ["npv_irr"], "optimize": ["gradient_descent"], "svm": ["svm_dual"],
    "cluster": ["kmeans"], "network": ["backpropagation"], "recurrent": ["lstm"],
    "recommend": ["collaborative_filtering", "matrix_factorisation"], "forecast": ["arima", "var"],
}


@pytest.mark.parametrize("module", MATHEMATICS)
def test_docstrings_cite_equations_that_the_chapters_have(module):
    """"Source: eqs. mmc-lq and mmc-wait of the chapter *queueing*" names labels of that chapter."""
    library, notebooks = ROOT / "lib" / "bizai", ROOT / "notebooks"
    text = " ".join(path.read_text() for path in [*library.glob(f"{module}.py"), *library.glob(f"{module}/*.py")])
    cited = {label for labels in re.findall(r"\beqs?\. ([a-z0-9-]+(?:(?:,| and|, and)\s+[a-z0-9-]+)*)", text)
             for label in re.split(r",? and\s+|,\s+", labels)} - {"eq", "eqs"}
    labels = {label for chapter in MATHEMATICS[module] for label in
              re.findall(r"\$\$ \(([a-z0-9-]+)\)", (notebooks / f"{chapter}.ipynb").read_text())}
    assert len(cited) >= 5 and cited <= labels, cited - labels


@pytest.mark.parametrize("generator", sorted((ROOT / "data" / "samples").glob("generate_*.py")), ids=lambda p: p.stem)
def test_sample_comes_from_its_generator(generator, tmp_path):
    copied = tmp_path / generator.name
    copied.write_text(generator.read_text())
    subprocess.run([sys.executable, copied], check=True, capture_output=True)
    name = generator.stem.removeprefix("generate_") + ".csv"
    assert (tmp_path / name).read_bytes() == (generator.parent / name).read_bytes()


def test_sample_checksums():
    listed = dict(reversed(line.split("  ")) for line in (ROOT / "data/samples/SHA256SUMS").read_text().splitlines())
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (ROOT / "data/samples").glob("*.csv")}
    assert listed == files


FIELDS = {"id", "section", "kind", "statement", "verdict", "reason", "correction", "chapter", "evidence", "expected", "tolerance"}


def test_ledger_rows_are_whole():
    from bizai.chapter.verdicts import VERDICTS, ledger

    for row in ledger().values():
        needs = {"correction"} if row["verdict"] in ("wrong", "imprecise", "does not run") else set()
        assert FIELDS - {"correction"} | needs <= row.keys() <= FIELDS, row["id"]
        assert row["verdict"] in VERDICTS and (ROOT / "notebooks" / f"{row['chapter']}.ipynb").is_file()


def test_every_row_is_claimed_by_its_chapter():
    from bizai.chapter.verdicts import ledger
    from bizai.rerun.chapters import chapters, payloads

    claimed = {p["id"]: name for name, chapter in chapters().items() for p in payloads(chapter.notebook, "claim")}
    assert claimed == {row["id"]: row["chapter"] for row in ledger().values()}


# Statements that a chapter has to judge: document and kind, then numbers.
JUDGED = {
    "D0-EQ": range(1, 14), "D0-PROC": [4, 5], "D0-SYS": [8, 9], "D0-CODE": range(4, 8), "D0-CLM": range(5, 18),
    "D0-CIT": [4, 5], "D0-TAB": [1], "D0-NUM": range(3, 21),
    "D1-EQ": range(1, 22), "D1-TAB": [1], "D1-NUM": [2, 3, *range(5, 12)], "D1-CODE": [5, 6, 7],
    "D1-CLM": range(3, 21), "D1-PROC": [*range(1, 7), 8], "D1-SYS": [5, 6, 12, 13, 14, 16],
    "D2-EQ": [*range(2, 13), 18, 19, 20, *range(23, 33), 36, *range(71, 111)], "D2-NUM": [11, 51, 52],
    "D2-SYS": [1, 2, 3, 4, 9, 10, 13, 14, 15, 19, 23, *range(35, 41)], "D2-PROC": [7, 8, 9, 10], "D2-PRF": range(1, 8),
    "D3-EQ": [*range(1, 6), *range(9, 18), *range(20, 30)], "D3-TAB": [*range(1, 7), 8, 9],
    "D3-NUM": [*range(5, 9), *range(10, 18), *range(20, 24), *range(25, 28)],
    "D3-PROC": [1, 5, 6, 8, 9, 10, 12, 14, 16, 17, 18, 19],
    "D3-SYS": [1, 2, *range(5, 13), 17, 18, 20, 21, 22],
    "D3-CLM": [3, 4, 6, 8, 9, 10, 11, *range(14, 21)], "D3-CODE": [1, 2, 3],
}


def test_statements_of_the_chapters_are_judged():
    from bizai.chapter.verdicts import ledger

    expected = {f"{kind}-{n:02}" for kind, numbers in JUDGED.items() for n in numbers}
    assert not expected - ledger().keys()


def test_no_cell_echoes_its_last_value():
    """A bare number below a cell says nothing to a reader; tables, figures and sentences are displayed."""
    from bizai.rerun.chapters import chapters

    echoes = [(name, cell["id"]) for name, chapter in chapters().items() for cell in chapter.notebook["cells"]
              for output in cell.get("outputs", []) if output["output_type"] == "execute_result"]
    assert not echoes
