"""Fail if a committed file names an index host, a path outside the project, or weighs too much."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PATTERNS = {
    "package index setting": re.compile(
        r"(extra-)?index[-_]url|registry\s*=|--find[-_]links", re.I
    ),
    "package index host": re.compile(
        r"https?://[^\s\"')]*(pypi|pythonhosted|npmjs)[^\s\"')]*", re.I
    ),
    "path outside the project": re.compile(
        r"(?<![\w.:/])/(work|root|home|tmp|opt|Users)/\w|\.\./\.\./\.\./\.\./"
    ),
    "credential": re.compile(
        r"(api[_-]?key|secret|token|passwd|password)\s*[:=]\s*['\"]\w{8,}", re.I
    ),
}
MAX_DATA_BYTES = 15_000_000
LOCK_FILES = {"uv.lock", "poetry.lock", "Pipfile.lock", "package-lock.json"}


def tracked():
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [ROOT / name for name in listing.split("\0") if name]


def complaints(files):
    for path in files:
        name = path.relative_to(ROOT)
        if name.name in LOCK_FILES:
            yield f"{name}: lock files record where packages came from; commit constraints.txt"
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        if name == Path("tests/check_hygiene.py"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for label, pattern in PATTERNS.items():
                if pattern.search(line):
                    yield f"{name}:{number}: {label}: {line.strip()[:100]}"
    data = [p for p in files if (ROOT / "examples" / "data") in p.parents and p.exists()]
    size = sum(p.stat().st_size for p in data)
    if size > MAX_DATA_BYTES:
        yield f"examples/data holds {size} bytes; at most {MAX_DATA_BYTES} are allowed"


def main():
    files = tracked()
    found = list(complaints(files))
    print("\n".join(found) or f"hygiene: {len(files)} files clean")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
