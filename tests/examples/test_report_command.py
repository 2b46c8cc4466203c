import pytest
from common import Section, Settings
from report import main

from openmm_cgpack import Run


class Experiments:
    """Stands for the experiments: notes what it is asked for, and is interrupted at one of them."""

    def __init__(self, interrupted_at=None):
        self.seen, self.interrupted_at = [], interrupted_at

    def __call__(self, number, settings):
        if number == self.interrupted_at:
            raise KeyboardInterrupt
        self.seen.append((number, settings))
        section = Section(number=number, title="t", setup="s", replaced="r")
        section.add_finding(paper="it holds", here="it does", verdict="holds")
        return section


def test_options_reach_the_experiments(tmp_path, capsys):
    out, notes, run = tmp_path / "r.html", tmp_path / "r.md", Experiments()
    words = ["--quick", "--only", "3,1", "--seed", "5", "--platform", "CPU", "--threads", "1"]
    assert main([*words, "-o", str(out), "--markdown", str(notes)], run=run) == 0
    assert [number for number, _ in run.seen] == [1, 3]
    assert run.seen[0][1] == Settings(seed=5, run=Run(platform="CPU", threads=1))
    assert "examples/report.py --quick --only 1,3 --seed 5" in out.read_text("utf-8")
    assert "| it holds | it does | holds |" in notes.read_text("utf-8")
    assert f"wrote {out}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "one"], "--only: wanted numbers from 1 to 7 like 1,3, got 'one'"),
        (["--only", "1,8"], "--only: wanted numbers from 1 to 7 like 1,3, got '1,8'"),
        (["--structures", "nowhere"], "--structures: nowhere: no such folder"),
        (["--platform", "CUDA", "--threads", "2"], "threads: "),
    ],
)
def test_bad_options_are_refused_before_any_work(tmp_path, capsys, options, message):
    out, run = tmp_path / "r.html", Experiments()
    with pytest.raises(SystemExit, match="2"):
        main(["-o", str(out), *options], run=run)
    assert message in capsys.readouterr().err
    assert not out.exists()
    assert run.seen == []


def test_a_report_that_exists_is_not_replaced_unasked(tmp_path, capsys):
    out = tmp_path / "r.html"
    out.write_text("mine")
    with pytest.raises(SystemExit, match="2"):
        main(["-o", str(out)], run=Experiments())
    assert "exists; give another file, or --force" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_a_run_cut_short_leaves_what_it_has(tmp_path, capsys):
    out = tmp_path / "r.html"
    assert main(["--quick", "--quiet", "-o", str(out)], run=Experiments(interrupted_at=3)) == 130
    assert capsys.readouterr().err == f"report: interrupted; {out} holds experiments 1, 2\n"
    page = out.read_text("utf-8")
    assert 'id="e2"' in page
    assert 'id="e3"' not in page


def test_a_run_cut_short_at_once_wrote_nothing(tmp_path, capsys):
    out = tmp_path / "r.html"
    assert main(["--quick", "-o", str(out)], run=Experiments(interrupted_at=1)) == 130
    assert capsys.readouterr().err == "report: interrupted; nothing was written\n"
    assert not out.exists()
