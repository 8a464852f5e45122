"""Reads what the dynamic loader would read of a shared library for Linux, without loading it.

A file can be truncated, damaged or made to mislead: every offset and count in it is checked, and nothing is mapped, so
that a file that shrinks meanwhile is an error and not a signal.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Self

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_ENTRY: Final = struct.Struct("<QQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_NEED: Final = struct.Struct("<HHIII")
_NEED_VERSION: Final = struct.Struct("<IHHII")

_MAGIC: Final = b"\x7fELF\x02\x01"  # 64 bits, little-endian: both processors that Agora builds for
_SHARED: Final = 3
_LOAD, _DYNAMIC = 1, 2
_HASH, _STRTAB, _SYMTAB, _STRSZ, _GNU_HASH, _VERNEED, _VERNEEDNUM = 4, 5, 6, 10, 0x6FFFFEF5, 0x6FFFFFFE, 0x6FFFFFFF
_PROCESSORS: Final = ((62, "x86_64"), (183, "aarch64"), (3, "i386"), (40, "arm"), (243, "riscv64"))
_GLIBC: Final = re.compile(rb"GLIBC_(\d{1,4})\.(\d{1,4})(?:\.\d+)?")

#: Limits far above what Agora's libraries have.
_SEGMENTS, _ENTRIES, _SYMBOLS, _NAME, _NAMES, _NEEDS = 1000, 10_000, 1_000_000, 8192, 64 * 1024 * 1024, 100


class NotALibrary(Exception):
    """The file is not a whole shared library; the text is the end of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Library:
    """What a shared library says about itself.

    Attributes:
        processor: the processor that it is built for.
        glibc: the oldest version of the GNU C library that has all it needs; None if it needs no version of it.
        symbols: the functions and variables that others can look up in it; empty if they were not read.
    """

    processor: str
    glibc: tuple[int, int] | None
    symbols: frozenset[bytes] = frozenset()

    @classmethod
    def read(cls, path: Path, *, symbols: bool = False) -> Self:
        """Read a library.

        Args:
            path: the file.
            symbols: whether to read its symbols as well, which takes up to a tenth of a second.

        Raises:
            NotALibrary: it is not a whole shared library for Linux.
            OSError: it cannot be read.
        """
        # Not blocking, since a pipe in its place would keep us waiting for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            elf = _Elf(descriptor)
            return cls(elf.processor, elf.glibc(), frozenset(elf.symbols()) if symbols else frozenset())
        finally:
            os.close(descriptor)


class _Elf:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        start = os.pread(descriptor, _HEADER.size, 0)
        if not start:
            raise NotALibrary("is empty")
        if not start.startswith(_MAGIC):
            begins = "is a 32-bit or big-endian library" if start.startswith(_MAGIC[:4]) else "is not a library"
            raise NotALibrary(f"{begins} (it begins with {quoted(start[:8].decode('latin-1'))})")
        header = _HEADER.unpack(self._read(0, _HEADER.size))
        kind, machine, segments_at, sections_at, segment_size, segments, section_size, sections = (
            *header[1:3],
            *header[5:7],
            *header[9:13],
        )
        self.processor = dict(_PROCESSORS).get(machine, f"processor {machine}")
        if kind != _SHARED or segment_size != _SEGMENT.size or not 0 < segments <= _SEGMENTS:
            raise NotALibrary("is not a shared library")
        # The table of sections is the last thing in a file, so that a part of a file always lacks it.
        self._require(sections_at, section_size * sections)
        table = self._read(segments_at, _SEGMENT.size * segments)
        self._loads: list[tuple[int, int, int]] = []
        dynamic = b""
        for type_, _, offset, address, _, length, _, _ in _SEGMENT.iter_unpack(table):
            if type_ in (_LOAD, _DYNAMIC):
                self._require(offset, length)
            if type_ == _LOAD:
                self._loads.append((address, offset, length))
            elif type_ == _DYNAMIC:
                dynamic = self._read(offset, min(length, _ENTRY.size * _ENTRIES) // _ENTRY.size * _ENTRY.size)
        if not dynamic:
            raise NotALibrary("is not a shared library: it has nothing for a loader")
        self._dynamic: Mapping[int, int] = dict(_ENTRY.iter_unpack(dynamic))
        self._names = b""

    def glibc(self) -> tuple[int, int] | None:
        """The newest version of the GNU C library among those that it needs."""
        versions = (_GLIBC.fullmatch(name) for name in self._needed_versions())
        return max(((int(found[1]), int(found[2])) for found in versions if found), default=None)

    def symbols(self) -> Iterator[bytes]:
        """The names that it defines."""
        table = self._at(self._dynamic.get(_SYMTAB, 0), _SYMBOL.size * self._symbol_count())
        names = self._all_names()
        for name, info, other, section, _, _ in _SYMBOL.iter_unpack(table):
            # Bound globally or weakly, visible to others, and defined here.
            if section and info >> 4 and other & 3 in (0, 3):
                yield _name(names, name)

    def _needed_versions(self) -> Iterator[bytes]:
        count, address = self._dynamic.get(_VERNEEDNUM, 0), self._dynamic.get(_VERNEED, 0)
        for _ in range(min(count, _NEEDS)):
            _, versions, _, first, following = _NEED.unpack(self._at(address, _NEED.size))
            at = address + first
            for _ in range(min(versions, _NEEDS)):
                _, _, _, name, next_version = _NEED_VERSION.unpack(self._at(at, _NEED_VERSION.size))
                yield _name(self._all_names(), name)
                if not next_version:
                    break
                at += next_version
            if not following:
                break
            address += following

    def _symbol_count(self) -> int:
        """How many symbols there are: only the hash tables say so."""
        if address := self._dynamic.get(_HASH, 0):
            return self._bounded(struct.unpack("<II", self._at(address, 8))[1])
        if not (address := self._dynamic.get(_GNU_HASH, 0)):
            return 0
        buckets, first, bloom, _ = struct.unpack("<IIII", self._at(address, 16))
        at = address + 16 + 8 * self._bounded(bloom)
        heads = struct.unpack(f"<{self._bounded(buckets)}I", self._at(at, 4 * buckets))
        last = max(heads, default=0)
        if last < first:
            return self._bounded(first)
        chain = at + 4 * buckets + 4 * (self._bounded(last) - first)
        # The chain of the last bucket ends with an odd number.
        while not self._at(chain, 4)[0] & 1:
            chain += 4
            last = self._bounded(last + 1)
        return last + 1

    def _all_names(self) -> bytes:
        if not self._names:
            length = self._dynamic.get(_STRSZ, 0)
            if length > _NAMES:
                raise NotALibrary("is damaged: its names are too long")
            self._names = self._at(self._dynamic.get(_STRTAB, 0), length)
        return self._names

    def _bounded(self, count: int) -> int:
        if count > _SYMBOLS:
            raise NotALibrary("is damaged: it has too many symbols")
        return count

    def _at(self, address: int, length: int) -> bytes:
        """What a loader would find at an address."""
        for start, offset, size in self._loads:
            if start <= address and address + length <= start + size:
                return self._read(offset + address - start, length)
        raise NotALibrary("is damaged: it points outside of itself")

    def _read(self, offset: int, length: int) -> bytes:
        self._require(offset, length)
        found = os.pread(self._descriptor, length, offset)
        if len(found) != length:
            raise NotALibrary("is truncated")
        return found

    def _require(self, offset: int, length: int) -> None:
        if offset + length > self._size:
            raise NotALibrary(f"is truncated: {self._size} of at least {offset + length} bytes are there")


def _name(names: bytes, at: int) -> bytes:
    end = names.find(b"\0", at, at + _NAME)
    return names[at:end] if 0 <= at < end else b""
