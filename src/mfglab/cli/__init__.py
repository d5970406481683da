"""Commands of ``python -m mfglab``: one file a command, listed here."""

from mfglab.cli.audit import AUDIT
from mfglab.cli.command import Command
from mfglab.cli.download import DOWNLOAD
from mfglab.cli.readme import README_COMMAND
from mfglab.cli.reference import REFERENCE_COMMAND
from mfglab.cli.run import RUN
from mfglab.cli.schema import SCHEMA
from mfglab.cli.validate import VALIDATE

#: All commands in the order of the help text; add a new one here.
COMMANDS: tuple[Command, ...] = (
    VALIDATE,
    RUN,
    AUDIT,
    DOWNLOAD,
    SCHEMA,
    REFERENCE_COMMAND,
    README_COMMAND,
)

__all__ = ["COMMANDS", "Command"]
