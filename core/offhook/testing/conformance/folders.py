"""Temporary folders for plugins that write files: a new one for each clause, removed after it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.testing.conformance.clause import NotClaimed
from offhook.testing.conformance.kit import Conformance

if TYPE_CHECKING:
    from collections.abc import Generator

#: Replaced in an argument by the folder of the clause.
FOLDER: Final = "{folder}"


class WithFolder(Conformance):
    """A kit for plugins whose argument may say where they write.

    Attributes:
        argument: the argument of the spec, as a user would write it; ``{folder}`` in it becomes a new folder for each
            clause.
    """

    argument: str = ""
    _folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of this clause, created on first use."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="offhook-conformance-"))
        return self._folder

    def place(self, text: str) -> str:
        """Return `text` with ``{folder}`` replaced by the folder of this clause."""
        return text.replace(FOLDER, str(self.folder))

    def need_folder(self) -> None:
        """Require that the plugin writes into the folder of this clause, for clauses that look at its files.

        Raises:
            NotClaimed: the argument does not contain ``{folder}``.
        """
        if FOLDER not in self.argument:
            raise NotClaimed(f"the argument {self.argument!r} does not contain {FOLDER}")

    @contextlib.contextmanager
    def elsewhere(self) -> Generator[None]:
        """Use another folder in the body, for a second plugin of the same argument; it is removed at the end."""
        ours, self._folder = self._folder, None
        try:
            yield
        finally:
            self.leave_folder()
            self._folder = ours

    def tidy(self) -> None:
        """See `Conformance.tidy`."""
        self.leave_folder()

    def leave_folder(self) -> None:
        """Remove the folder; the next use creates another."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
