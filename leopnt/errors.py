"""Errors and warnings that a user can act on."""

import difflib
from collections.abc import Iterable
from pathlib import Path


class LeopntError(ValueError):
    """Bad input; the message names what, quotes the value and says what is accepted."""


class FormatError(LeopntError):
    """A file that does not follow its format; prints as `file:line: message`."""

    def __init__(self, path: str | Path, line_number: int | None, message: str):
        self.path = Path(path)
        self.line_number = line_number
        where = f"{path}" if line_number is None else f"{path}:{line_number}"
        self.message = message
        super().__init__(f"{where}: {message}")

    def __reduce__(self):
        return type(self), (self.path, self.line_number, self.message)


class LeopntWarning(UserWarning):
    """Something computed all the same that the user should know, and can act on."""


def did_you_mean(word: str, accepted: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" when an accepted word is close, else an empty string."""
    close = difflib.get_close_matches(word, list(accepted), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
