"""How large a statistical study is: small in `make test`, full in `make study-test`."""

import os


def study_size(reduced: int, full: int) -> int:
    """Trials of a statistical study: reduced in `make test`, full in `make study-test`."""
    return full if os.environ.get("LEOPNT_STUDY_SIZE") == "full" else reduced
