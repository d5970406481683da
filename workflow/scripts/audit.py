"""Check the whole chain of results; exit non-zero on anything but ok."""

import sys
from pathlib import Path

from mfglab.reporting.audit import audit

report = audit(Path(snakemake.params.results), snakemake.params.config)
print(report.table())
Path(snakemake.log[0]).write_text(report.table() + "\n", encoding="utf-8")
sys.exit(0 if report.ok else 1)
