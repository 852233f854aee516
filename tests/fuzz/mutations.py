"""Seeds with some of their bytes replaced, inserted or removed, as hypothesis draws them."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.readers import seeds

#: The offset, the new bytes, and how many bytes they replace.
_EDIT = st.tuples(st.integers(0, 1 << 16), st.binary(max_size=8), st.integers(0, 8))


def mutations(reader: str) -> st.SearchStrategy[bytes]:
    """Returns the strategy for a reader."""
    files = [path.read_bytes() for path in seeds(reader)]
    return st.builds(_edited, st.sampled_from(files), st.lists(_EDIT, max_size=6))


def _edited(data: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    for offset, new, replaced in edits:
        # Headers are short, so every other edit goes there.
        start = offset % (64 if offset % 2 else len(data) + 1)
        data = data[:start] + new + data[start + replaced :]
    return data
