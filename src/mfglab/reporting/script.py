"""What a workflow script imports before all else: :func:`~mfglab.reporting.stage.stage`, quickly.

A third of a short stage was Python's own work around its imports. Looking for garbage among the
hundreds of thousands of objects that torch and Lightning make at import finds none and takes a
second; looking once more when the process ends takes another one and a half. So the collector
rests from the import of this module until the stage begins, and what there is by then, and in the
end, is never looked at.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator
from typing import Any

gc.disable()  # the imports of a script come after this one

from mfglab.reporting.job import Job  # noqa: E402
from mfglab.reporting.stage import stage as recorded_stage  # noqa: E402

__all__ = ["stage"]

atexit.register(gc.freeze)


@contextlib.contextmanager
def stage(snakemake: Any) -> Iterator[Job]:
    """Run the body of a workflow script as one recorded stage.

    See :func:`mfglab.reporting.stage.stage`, to which it adds that garbage is collected again.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    with recorded_stage(snakemake) as job:
        yield job
