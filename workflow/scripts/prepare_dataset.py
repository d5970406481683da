"""Draw or read one data set and split it."""

from pydantic import TypeAdapter

from mfglab.reporting.script import stage
from mfglab.config import DatasetConfig
from mfglab.datasets.factory import from_manifest, prepare

with stage(snakemake) as job:
    value = job.config_value(f"datasets.{job.wildcards['dataset']}")
    config = TypeAdapter(DatasetConfig).validate_python(value)
    manifests = job.inputs_of("manifest") if "manifest" in job.inputs else []
    fetched = from_manifest(manifests[0]) if manifests else None
    prepare(config, fetched).save(job.output("data"))
