"""How large a statistical study is: small in `make test`, full in `make study-test`."""

import os
from typing import TypeVar

Size = TypeVar("Size")


def study_size(reduced: Size, full: Size) -> Size:
    """What sets the size of a study: reduced in `make test`, full in `make study-test`."""
    return full if os.environ.get("LEOPNT_STUDY_SIZE") == "full" else reduced
