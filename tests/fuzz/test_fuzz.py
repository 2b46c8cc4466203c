"""A few of the cases on every landing; thousands by hand: see the package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_malformed_inputs_of_every_kind():
    # A process of its own: it forks, and has one thread.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "fuzz", "--quick", "--cases", "12", "--seed", "1"]
    ended = subprocess.run(words, cwd=TESTS, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    assert "12 cases, seed 1" in ended.stdout
