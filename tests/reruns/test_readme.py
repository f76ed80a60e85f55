"""What the README shows is what happens."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from bizai.rerun.chapters import find
from bizai.rerun.scenarios import read

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", README, re.M | re.S)
PLAN = re.search(r"```yaml\n# (\S+\.yml).*?```", README, re.S)


def ran(command, out):
    """Run one of the README's commands, its results in another folder."""
    words = [word if word.startswith("-") or "/" not in word else str(ROOT / word) for word in command.split()]
    return subprocess.run([*words, "--out", out], cwd=ROOT, capture_output=True, text=True)


def test_the_run_prints_what_the_readme_shows(tmp_path):
    block = next(i for i, text in enumerate(BLOCKS) if "bizai run" in text)
    command = next(line for line in BLOCKS[block].splitlines() if "bizai run" in line)
    done = ran(command, tmp_path)
    assert done.returncode == 0, done.stderr
    shown, printed = BLOCKS[block + 1].splitlines(), done.stdout.splitlines()
    assert shown[:-1] == printed[:-1]
    assert re.fullmatch(r"…/results/queueing/[0-9a-f]{16}", shown[-1])


def test_the_refusal_is_the_one_shown(tmp_path):
    command, sentence = next(text for text in BLOCKS if "refused:" in text).splitlines()
    done = ran(command.removeprefix("$ "), tmp_path)
    assert done.returncode == 2 and done.stderr.strip() == sentence


def test_the_sweep_leaves_what_the_readme_says(tmp_path):
    plan = PLAN[0].strip("`").removeprefix("yaml\n")
    small = plan.replace("count: 512", "count: 1") + "fixed: {customers: 10000}\n"
    assert len(read(yaml.safe_load(plan), find("queueing"))) == 1024 and small.count("count: 1,")
    (tmp_path / PLAN[1]).write_text(small)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    sweep, compare = next(text for text in BLOCKS if "bizai sweep" in text).splitlines()
    done = subprocess.run(sweep.split(), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("2 done\n"), done.stderr
    home = tmp_path / "results" / "queueing"
    assert {"summary.html", "results.csv", "results.parquet"} <= {path.name for path in home.iterdir()}
    assert len(list(home.glob("*/results.json"))) == 2
    shutil.copytree(tmp_path / "results", tmp_path / "results.before")
    done = subprocess.run(compare.split(), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|\n)make (\w+)", README):
        assert f"\n{target}:" in makefile
