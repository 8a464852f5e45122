"""Places for what writes files: a new folder for each clause, which is gone after it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from offhook.testing.conformance.clause import NotClaimed
from offhook.testing.conformance.kit import Conformance

#: Stands in an argument for the folder of the clause.
FOLDER: Final = "{folder}"


class WithPlaces(Conformance):
    """A kit whose plugins are told where to write.

    Attributes:
        argument: the argument of the spec, as a user would write it; ``{folder}`` in it becomes a new folder for each
            clause.
    """

    argument: str = ""
    _folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder of this clause."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="offhook-conformance-"))
        return self._folder

    def place(self, text: str) -> str:
        """`text` with the folder of this clause in it."""
        return text.replace(FOLDER, str(self.folder))

    def need_folder(self) -> None:
        """For clauses that look at what is written.

        Raises:
            NotClaimed: nobody knows where that would be.
        """
        if FOLDER not in self.argument:
            raise NotClaimed(f"the argument {self.argument!r} has no {FOLDER} in it")

    def tidy(self) -> None:
        """See `Conformance.tidy`."""
        self.leave_folder()

    def leave_folder(self) -> None:
        """Remove the folder; the next place is in another."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
