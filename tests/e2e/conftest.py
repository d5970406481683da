from __future__ import annotations

import sys
from pathlib import Path

# the copy of the repository is made in the same way for planning and for running
sys.path.append(str(Path(__file__).resolve().parents[1] / "workflow"))
