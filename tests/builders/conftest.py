"""Test files are imported by path, so what they share must be put on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
