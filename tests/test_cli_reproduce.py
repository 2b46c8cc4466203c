import pytest

import openmm_cgpack.reproduce as package
from openmm_cgpack.cli import main
from openmm_cgpack.reproduce import Finding, Section


@pytest.fixture
def calls(monkeypatch):
    """Replace the experiments by one that only notes what it was asked."""
    seen = []

    def run(number, settings):
        seen.append((number, settings))
        finding = Finding(paper="it holds", here="it does", verdict="holds")
        return Section(number=number, title="t", setup="s", replaced="r", findings=(finding,))

    monkeypatch.setattr(package, "run_experiment", run)
    return seen


def test_options_reach_the_experiments(calls, tmp_path, capsys):
    out, notes = tmp_path / "r.html", tmp_path / "r.md"
    words = [
        "reproduce",
        "--quick",
        "--only",
        "3,1",
        "--seed",
        "5",
        "--platform",
        "CPU",
        "--threads",
        "1",
    ]
    code = main([*words, "-o", str(out), "--markdown", str(notes)])
    assert code == 0
    assert [number for number, _ in calls] == [1, 3]
    settings = calls[0][1]
    assert (settings.quick, settings.seed, settings.platform, settings.threads) == (
        True, 5, "CPU", 1,
    )  # fmt: skip
    assert "cgpack reproduce --quick --only 3,1 --seed 5" in out.read_text("utf-8")
    assert "| it holds | it does | holds |" in notes.read_text("utf-8")
    assert f"wrote {out}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "one"], "--only: wanted numbers like 1,3, got 'one'"),
        (["--only", "8"], "experiment: wanted numbers from 1 to 7, got 8"),
        (["--structures", "nowhere"], "--structures: nowhere: no such folder"),
    ],
)
def test_bad_options_are_one_line(calls, tmp_path, capsys, options, message):
    out = tmp_path / "r.html"
    assert main(["reproduce", "-o", str(out), *options]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
    assert calls == []


def test_a_run_cut_short_leaves_what_it_has(calls, monkeypatch, tmp_path, capsys):
    first = package.run_experiment

    def stopped(number, settings):
        if number == 3:
            raise KeyboardInterrupt
        return first(number, settings)

    monkeypatch.setattr(package, "run_experiment", stopped)
    out = tmp_path / "r.html"
    assert main(["reproduce", "--quick", "--quiet", "-o", str(out)]) == 130
    assert capsys.readouterr().err == f"cgpack: interrupted; {out} holds experiments 1, 2\n"
    page = out.read_text("utf-8")
    assert 'id="e2"' in page
    assert 'id="e3"' not in page


def test_a_run_cut_short_at_once_wrote_nothing(monkeypatch, tmp_path, capsys):
    def stopped(number, settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(package, "run_experiment", stopped)
    out = tmp_path / "r.html"
    assert main(["reproduce", "--quick", "-o", str(out)]) == 130
    assert capsys.readouterr().err == "cgpack: interrupted; nothing was written\n"
    assert not out.exists()
