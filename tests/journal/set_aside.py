"""What is set aside in a journal's quarantine."""

import json
from collections import Counter

from hookspan.journal.quarantine import FILES
from hookspan.paths import Paths


def counts(paths: Paths) -> dict[str, int]:
    """How many lines were set aside for each reason, as far as the files go back."""
    lines = (line for path in sorted(paths.quarantine.glob(FILES)) for line in path.read_bytes().splitlines())
    return dict(Counter(json.loads(line)["reason"] for line in lines))
