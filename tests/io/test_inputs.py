"""The one place where input files are opened: encodings, compressions, and what is no file."""

import bz2
import gzip
import lzma
import os
import zlib

import pytest

from openmm_cgpack.io.inputs import open_unpacked, read_bytes, read_json, read_table, read_text

TEXT = "species,x\nMüller-Ω,1\n"
LATIN = "Müller,1\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_text_of_any_usual_encoding(tmp_path, encoding, end, pack):
    data = TEXT.replace("\n", end).encode(encoding)
    if encoding.endswith("e"):
        data = "\ufeff".encode(encoding) + data
    (tmp_path / "a.csv").write_bytes(pack(data))
    assert read_text(tmp_path / "a.csv") == TEXT


def test_latin_1_is_the_last_resort_and_said(tmp_path):
    (tmp_path / "a.csv").write_bytes(LATIN.encode("latin-1"))
    with pytest.warns(UserWarning, match=r"a\.csv: not UTF-8 \(byte 1\): read as Latin-1"):
        assert read_text(tmp_path / "a.csv") == LATIN


def test_what_is_no_text_is_refused_by_name(tmp_path):
    for data, message in [
        (b"a,b\n1,\0\n", "not a text file: byte 6 is zero"),
        (b"\xef\xbb\xbfa\0", "not a text file: byte 4 is zero"),
        (b"\xff\xfea", "not a text file"),
        (bytes(range(1, 256)), "not a text file"),
        (lzma.compress(b"a" * 99), "xz data: unpack or convert it first"),
        (b"PK\x03\x04" + bytes(20), "a zip archive: unpack or convert it first"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "Zstandard data: unpack or convert it first"),
        (gzip.compress(b"a" * 99)[:-9], "the gzip file is truncated"),
        (gzip.compress(b"a" * 99)[:20] + bytes(9), "the gzip file is corrupt"),
        (b"\x1f\x8b", "the gzip file is truncated"),
        (bz2.compress(b"a" * 99)[:-9], "the bzip2 file is truncated"),
        (b"BZh9" + bytes(40), "the bzip2 file is corrupt"),
    ]:
        (tmp_path / "a.csv").write_bytes(data)
        with pytest.raises(ValueError, match=f"a.csv: {message}"):
            read_text(tmp_path / "a.csv")


def test_reading_stops_at_the_stated_size(tmp_path):
    for name, pack in {"a": bytes, "a.gz": gzip.compress, "a.bz2": bz2.compress}.items():
        (tmp_path / name).write_bytes(pack(b" " * 2**21))
        assert len(read_bytes(tmp_path / name, most=2**21)) == 2**21
        with pytest.raises(ValueError, match=f"{name}: holds more than 1 MiB, the most"):
            read_text(tmp_path / name, most=2**20)


def test_a_packed_text_of_one_line_again_and_again_is_refused(tmp_path):
    (tmp_path / "a.pdb.bz2").write_bytes(bz2.compress(b"ATOM\n" * 2**18) * 30)
    with pytest.raises(
        ValueError, match="more than 32 MiB, the most that is read of a packed file"
    ):
        read_text(tmp_path / "a.pdb.bz2")


def test_a_small_file_that_unpacks_without_end_costs_no_memory(tmp_path):
    """8 MB of zeros a member: what is asked for is unpacked, and nothing after it."""
    member = zlib.compressobj(wbits=31)
    data = (member.compress(bytes(2**23)) + member.flush()) * 500
    (tmp_path / "a.gz").write_bytes(data)
    with open_unpacked(tmp_path / "a.gz") as file:
        assert len(file.read(2**20)) == 2**20
        # From 3.12 on Python reads 128 kB of what is packed at once.
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) < len(data) / 10


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to("/dev/zero")
    (tmp_path / "none.csv").symlink_to(tmp_path / "nothing")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.csv").write_text("")
    for name, message in {
        "pipe.csv": "wanted a file, got a pipe",
        "link.csv": "wanted a file, got a device",
        "inner": "wanted a file, got a folder",
    }.items():
        with pytest.raises(ValueError, match=f"{name}: {message}"):
            read_bytes(tmp_path / name)
    for name in ("none.csv", "a\0.csv"):
        with pytest.raises(FileNotFoundError, match="no such file"):
            read_bytes(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"a\.csv: no such file; there are .*inner/a\.csv"):
        read_bytes(tmp_path / "a.csv")


def test_tables_and_json(tmp_path):
    (tmp_path / "a.csv").write_text(TEXT, encoding="utf-8-sig")
    names, rows = read_table(tmp_path / "a.csv")
    assert names == ["species", "x"]
    assert rows == [(2, {"species": "Müller-Ω", "x": "1"})]
    for text, message in {
        "[1]": "wanted a list of names, got list at the top",
        "{": "not a JSON file: Expecting",
        "[" * 100_000: "nested too deeply",
        '{"a": ' + "1" * 5000 + "}": "not a JSON file: Exceeds",
    }.items():
        (tmp_path / "a.json").write_text(text, encoding="utf-8-sig")
        with pytest.raises(ValueError, match=f"a.json: .*{message}"):
            read_json(tmp_path / "a.json", wanted="a list of names")
