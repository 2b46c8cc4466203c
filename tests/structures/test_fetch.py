"""Downloads from a server on this machine, and what happens without one."""

import functools
import gzip
import http.server
import socket
import threading

import gemmi
import pytest
from pdb_text import MIXED, ROTATED

from openmm_cgpack.core import StructureError
from openmm_cgpack.structures import Reading, fetch_structure, library


@pytest.fixture
def server(tmp_path):
    """Serve a folder with one entry, and one file that is no gzip; yields its address and log."""
    folder = tmp_path / "server"
    folder.mkdir()
    structure = gemmi.read_pdb_string(ROTATED + MIXED)
    structure.setup_entities()
    text = structure.make_mmcif_document().as_string()
    (folder / "1abc.cif.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "2abc.cif.gz").write_text("<html>log in first</html>")
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format, *args):
            asked.append(args[0])

        def do_GET(self):
            if "3abc" in self.path:
                self.send_error(503)
            elif "4abc" in self.path:
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"\x1f\x8b half")
            else:
                super().do_GET()

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}", asked
        httpd.shutdown()
        thread.join()


def test_downloads_once_and_reads(server, tmp_path):
    url, asked = server
    cache = tmp_path / "new" / "cache"
    first = fetch_structure("1ABC", cache=cache, url=url)
    assert first.name == "1abc"
    assert first.n_atoms == 5
    assert [path.name for path in cache.iterdir()] == ["1abc.cif.gz"]
    again = fetch_structure("1abc", Reading(assembly="1", waters=True), cache=cache, url=url)
    assert again.n_atoms == 12
    assert len(asked) == 1


def test_cache_folder_from_the_environment(server, tmp_path, monkeypatch):
    url, _ = server
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("CGPACK_CACHE", raising=False)
    fetch_structure("1abc", url=url)
    assert (tmp_path / "xdg" / "openmm_cgpack" / "1abc.cif.gz").exists()
    monkeypatch.setenv("CGPACK_CACHE", str(tmp_path / "own"))
    fetch_structure("1abc", url=url)
    assert (tmp_path / "own" / "1abc.cif.gz").exists()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("9zzz", "9zzz: the PDB has no such entry"),
        ("2abc", "2abc: .* no whole gzip"),
        ("3abc", "3abc: .* answered 503"),
        ("4abc", "4abc: "),
    ],
)
def test_answers_that_are_no_entry(server, tmp_path, entry, message):
    url, _ = server
    with pytest.raises(StructureError, match=message) as caught:
        fetch_structure(entry, cache=tmp_path / "cache", url=url, timeout=5)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache" / f"{entry}.cif.gz").exists()


def test_no_network_names_the_library(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(StructureError, match=r"1abc: no download from .*refused") as caught:
        fetch_structure("1abc", cache=tmp_path, url=url, timeout=5)
    assert all(name in str(caught.value) for name in library.names)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", ["", "abcd", "1ab", "1f1b1", "../x", "1f1b/..", None, 1234])
def test_bad_ids(bad, tmp_path):
    with pytest.raises(ValueError, match="pdb_id: wanted an id"):
        fetch_structure(bad, cache=tmp_path)


def test_bad_options(tmp_path):
    with pytest.raises(ValueError, match="timeout"):
        fetch_structure("1abc", cache=tmp_path, timeout=0)
    with pytest.raises(ValueError, match="url: "):
        fetch_structure("1abc", cache=tmp_path, url="no address")
