"""Ways to spoil a file: its bytes, its lines, its numbers, the values of its nested tables."""

import bz2
import copy
import gzip
import io
import json
import random
import re
import tomllib
import zipfile
import zlib

import numpy as np
import tomlkit

NUMBERS = (
    "0", "-0.0", "-1", "1e300", "-1e300", "1e-300", "nan", "inf", "-inf", "1000000000", "1e9",
    "9223372036854775808", "1" + 400 * "0", "2147483648", "-2147483649", "1e-6", "0.5", "7",
    "0x10", "1_000", "",
)  # fmt: skip
"""Numbers as text."""

TEXTS = (
    "", " ", "x" * 5000, "a\x00b", "\x1b[31mred\x1b[0m", "a\nb", "\x07", "../../up", "/proc/none",
    "é\u202e\u2028", "\ud800", "nan", "'\"", "loop_", "#", "; runscript x.py;", "%s%n", "CON",
    "-o", "~", "{}", "\\", "A" * 90,
)  # fmt: skip
"""Texts where a name, a word or a path belongs."""

VALUES = (
    None, True, False, 0, -1, 1, 2, 7, 10**9, 2**63, 2**64, -(2**63) - 1, 10**400, 1e300, -1e300,
    1e-300, 1e-6, 0.5, float("nan"), float("inf"), float("-inf"), [], {}, [1], [[1]], [1, 2, 3],
    [0, 0, 0], ["a", "b"], {"kind": "x"}, {"a": {"b": 1}}, [1e300] * 3, [[]] * 3, *TEXTS,
)  # fmt: skip
"""Values where anything belongs."""


def nested(depth: int, *, as_list: bool = True) -> object:
    """Return a value that is nested deeply."""
    value: object = 1
    for _ in range(depth):
        value = [value] if as_list else {"a": value}
    return value


def spoiled_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one to three things done to them, whatever they mean."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(_OF_BYTES)(data, rng)
    return data


def _flip(data, rng):
    spoiled = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 64))):
        if spoiled:
            spoiled[rng.randrange(len(spoiled))] ^= 1 << rng.randrange(8)
    return bytes(spoiled)


def _flip_head(data, rng):
    return _flip(data[:1100], rng) + data[1100:]


def _cut(data, rng):
    return data[: rng.randrange(len(data) + 1)]


def _without_a_part(data, rng):
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.choice((1, 8, 200)) :]


def _insert(data, rng):
    place = rng.randrange(len(data) + 1)
    more = rng.choice(
        (b"\0", b"\0" * 80, b"\xff\xfe", b"\x1b]0;x\x07", b"\r", b"x" * 5000, b"\n\n")
    )
    return data[:place] + more + data[place:]


def _before(data, rng):
    mark = rng.choice(
        (b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"\0", b"#", b"data_\n", b"PK\3\4", b"\x1f\x8b")
    )
    return mark + data


def _other_encoding(data, rng):
    text = data.decode("latin-1")
    return text.encode(rng.choice(("utf-16", "utf-32", "utf-8", "utf-7")))


def _ends_of_lines(data, rng):
    return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b" ", b"\x0b\x0c")))


def _nothing(data, rng):
    return rng.choice((b"", b"\0", b"\n", b"\0" * 5000, b"{}", b"[]", b"[" * 100_000, b"null"))


def _again(data, rng):
    return data * rng.choice((2, 3, 30))


def _lines(data, rng):
    lines = data.split(b"\n")
    what = rng.randrange(5)
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    if what == 0:
        del lines[i]
    elif what == 1:
        lines.insert(i, lines[j])
    elif what == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif what == 3:
        lines[i] = lines[i] * rng.choice((2, 50))
    else:
        rng.shuffle(lines)
    return b"\n".join(lines)


def _number(data, rng):
    places = list(re.finditer(rb"-?\d+\.?\d*(?:e-?\d+)?", data[:2_000_000]))
    if not places:
        return data
    found = rng.choice(places)
    return data[: found.start()] + rng.choice(NUMBERS).encode() + data[found.end() :]


def _every_number(data, rng):
    number = rng.choice(NUMBERS).encode()
    return re.sub(rb"(?<![\w.])-?\d+\.\d+", lambda _: number, data[:2_000_000])


def _word(data, rng):
    places = list(re.finditer(rb"[A-Za-z_]+", data[:2_000_000]))
    if not places:
        return data
    found = rng.choice(places)
    text = rng.choice(TEXTS).encode("utf-8", "surrogatepass")
    return data[: found.start()] + text + data[found.end() :]


_OF_BYTES = (
    _flip, _flip_head, _cut, _without_a_part, _insert, _before, _other_encoding, _ends_of_lines,
    _nothing, _again, _lines, _lines, _number, _number, _number, _every_number, _word, _word,
)  # fmt: skip


def spoiled(name: str, data: bytes, rng: random.Random) -> bytes:
    """Return the content of a file with something done to it that its format knows of."""
    if rng.random() < 0.3:
        return spoiled_bytes(data, rng)
    suffix = "." + name.rsplit(".", 1)[-1]
    if name.rsplit("/", 1)[-1].startswith(".z"):  # .zarray, .zattrs, .zgroup
        suffix = ".json"
    try:
        return _BY_SUFFIX.get(suffix, spoiled_bytes)(data, rng)
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile, RecursionError):
        # Spoiled already.
        return spoiled_bytes(data, rng)


def odd_value(rng: random.Random) -> object:
    """Return a value that few expect; a copy, as one put into itself would have no end."""
    return copy.deepcopy(rng.choice(VALUES))


def spoiled_value(value: object, rng: random.Random) -> object:
    """Return nested lists and tables with one of their values replaced, lost or renamed."""
    places: list[tuple[object, object]] = []
    # Not by recursion: some are nested a thousand deep.
    left = [value]
    while left:
        node = left.pop()
        keys = list(node) if isinstance(node, dict) else []
        keys = range(len(node)) if isinstance(node, list) else keys
        places += [(node, key) for key in keys]
        left += [node[key] for key in keys]
    if not places or rng.random() < 0.02:
        return odd_value(rng)
    node, key = rng.choice(places)
    what = rng.random()
    if what < 0.12:
        del node[key]  # type: ignore[attr-defined]
    elif what < 0.2 and isinstance(node, dict):
        node[rng.choice(TEXTS[2:])] = node.pop(key)
    elif what < 0.25:
        node[key] = nested(rng.choice((30, 300, 20_000)), as_list=rng.random() < 0.5)  # type: ignore[index]
    elif what < 0.3 and isinstance(node[key], list):  # type: ignore[index]
        node[key] = node[key] * rng.choice((2, 300))  # type: ignore[index]
    else:
        node[key] = odd_value(rng)  # type: ignore[index]
    return value


def _json(data, rng):
    value = spoiled_value(json.loads(data), rng)
    try:
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b'{"format":' + b"[" * 20_000 + b"]" * 20_000 + b"}"


def _toml(data, rng):
    value = spoiled_value(tomllib.loads(data.decode()), rng)
    return toml_bytes(value)


def toml_bytes(value: object) -> bytes:
    """Return nested values as TOML, also such as TOML has no form for."""
    try:
        return tomlkit.dumps(value).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b"seed = " + b"[" * 20_000 + b"]" * 20_000
    except Exception:
        # No table, or None somewhere in it: left out.
        text = json.dumps(value).replace("null", '""')
        return b"name = " + text.encode("utf-8", "surrogatepass")


def _gzip(data, rng):
    # No more of a bomb than can be packed again at once.
    plain = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, 2**20)
    return gzip.compress(spoiled_bytes(plain, rng))


def _bzip2(data, rng):
    plain = bz2.BZ2Decompressor().decompress(data, 2**20)
    return bz2.compress(spoiled_bytes(plain, rng))


def _mrc(data, rng):
    """Write another number into a field of the header, or two."""
    spoiled = bytearray(data)
    for _ in range(rng.choice((1, 1, 2))):
        # nx ny nz mode starts sampling cell angles axes, extra header's length, origin.
        field = 4 * rng.choice((0, 1, 2, 3, 4, 7, 8, 10, 11, 12, 16, 17, 22, 23, 24, 49, 53, 54))
        if rng.random() < 0.5:
            number = rng.choice((0, -1, 1, 2, 3, 4, 6, 12, 16, 101, 10**5, 2**31 - 1, -(2**31), 7))
            spoiled[field : field + 4] = int(number).to_bytes(4, "little", signed=True)
        else:
            number = rng.choice((0.0, -1.0, np.nan, np.inf, 1e-6, 1e30, 1e-30, 20.0))
            spoiled[field : field + 4] = np.float32(number).tobytes()
    return bytes(spoiled)


def _npz(data, rng):
    """Change a member of an archive of arrays: lost, of another type, shape or range."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    name = rng.choice(list(members))
    if "header.npy" in members and rng.random() < 0.4:
        name = "header.npy"
        array = np.load(io.BytesIO(members[name]))
        array = np.frombuffer(_json(array.tobytes(), rng), np.uint8)
    else:
        array = _other_array(np.load(io.BytesIO(members[name])), rng)
    if rng.random() < 0.1:
        del members[name]
    elif array is None:
        members[name] = spoiled_bytes(members[name], rng)
    else:
        held = io.BytesIO()
        np.save(held, array)
        members[name] = held.getvalue()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return packed.getvalue()


def _other_array(array, rng):
    what = rng.randrange(9)
    if what == 0:
        return array.astype(rng.choice(("i1", "u8", "f2", "f8", "c8", "?", "S3", "U3")))
    if what == 1:
        return array[: len(array) // 2] if array.ndim else None
    if what == 2:
        return array.reshape(-1)
    if what == 3:
        return np.concatenate([array] * rng.choice((2, 100))) if array.ndim else None
    if what == 4:
        return array[None]
    if what == 5:
        return np.zeros((0, *array.shape[1:]), array.dtype) if array.ndim else None
    if what == 6:
        return np.array("text")
    if what in (7, 8) and array.size and array.dtype.kind in "fiu":
        array = array.copy()
        numbers = (np.nan, np.inf, 1e300, -1e300, 1e9, -1, 0, 10**6, 1e-300)
        if array.dtype.kind != "f":
            numbers = (-1, 0, 127, 10**6, 2**31, -(2**40))
        array = array.astype("f8" if array.dtype.kind == "f" else "i8")
        array.flat[rng.randrange(array.size) if what == 7 else slice(None)] = rng.choice(numbers)
        return array
    return None


_BY_SUFFIX = {
    ".json": _json, ".toml": _toml, ".gz": _gzip, ".bz2": _bzip2, ".mrc": _mrc, ".mrcs": _mrc,
    ".npz": _npz,
}  # fmt: skip
