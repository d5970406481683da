"""Fetch one registered data set; the manifest lists its files with their digests."""

import json
from pathlib import Path

from mfglab.reporting.script import stage
from mfglab.datasets.download import fetch
from mfglab.files import sha256_file, write_text

with stage(snakemake) as job:
    got = fetch(job.wildcards["source"], Path(job.config_value("data_folder")))
    files = {
        name: {"path": path.as_posix(), "sha256": sha256_file(path)}
        for name, path in got.paths.items()
    }
    manifest = {"name": got.name, "variant": got.variant.name, "files": files}
    write_text(job.output("manifest"), json.dumps(manifest, indent=1, sort_keys=True) + "\n")
