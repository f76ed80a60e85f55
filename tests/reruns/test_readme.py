"""What the README shows is what happens."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:bash)?\n(.*?)```", README, re.S)


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


def test_the_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|\n)make (\w+)", README):
        assert f"\n{target}:" in makefile
