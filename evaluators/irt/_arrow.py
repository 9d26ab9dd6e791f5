"""Arrow columns as NumPy arrays, straight from their buffers.

pyarrow's own way (`to_numpy`, `cast`) brings pandas and its compute library with it: half a second
before a small file is read. The layout is fixed by the Arrow columnar format: a validity bitmap,
then the values; bits are numbered from the least significant.
"""

from typing import Any

import numpy as np

from evaluators.irt._responses import Floats, Ints
from evaluators.irt._texts import Texts, texts_of

WIDTHS = {
    "int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64,
    "uint8": np.uint8, "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64,
    "float": np.float32, "double": np.float64,
}  # fmt: skip
"""Arrow's names of number types."""
NUMBERS = frozenset({*WIDTHS, "bool", "null"})


def numbers_of(column: Any) -> Floats:
    """(rows,) a chunked column of one of `NUMBERS`; NaN where null."""
    parts = [_numbers(chunk) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])


def texts_in(column: Any) -> Texts:
    """A chunked column of any kind as text; '' where null."""
    import pyarrow as pa
    from pyarrow import types

    if not types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    names: list[str] = [""]
    places: dict[str, int] = {"": 0}
    codes: list[Ints] = []
    for chunk in column.chunks:
        known = ["" if name is None else str(name) for name in chunk.dictionary.to_pylist()]
        for name in known:
            if places.setdefault(name, len(names)) == len(names):
                names.append(name)
        book = np.array([places[name] for name in (*known, "")], dtype=np.int64)
        code = _values(chunk.indices).astype(np.int64)
        codes.append(book[np.where(_valid(chunk.indices), code, len(known))])
    return texts_of(names, np.concatenate([np.zeros(0, dtype=np.int64), *codes]))


def _numbers(chunk: Any) -> Floats:
    if str(chunk.type) == "null":
        return np.full(len(chunk), np.nan)
    values = _values(chunk).astype(np.float64)
    if chunk.null_count:
        values[~_valid(chunk)] = np.nan
    return values


def _values(chunk: Any) -> np.ndarray[Any, Any]:
    data = chunk.buffers()[1]
    if str(chunk.type) == "bool":
        return _bits(data, chunk)
    kind = WIDTHS[str(chunk.type)]
    if data is None:
        return np.zeros(len(chunk), dtype=kind)
    return np.frombuffer(data, dtype=kind)[chunk.offset : chunk.offset + len(chunk)]


def _valid(chunk: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    bitmap = chunk.buffers()[0]
    if bitmap is None or not chunk.null_count:
        return np.ones(len(chunk), dtype=bool)
    return _bits(bitmap, chunk)


def _bits(data: Any, chunk: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    end = chunk.offset + len(chunk)
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=end, bitorder="little")
    return bits[chunk.offset :].astype(bool)
