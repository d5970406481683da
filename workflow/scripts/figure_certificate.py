"""Certified radii against the distances that they bound, coverage, and size of training sets."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.certificate import certificate_panels
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    tables = read_csv(job.input("runs")), read_csv(job.input("table"))
    save(certificate_panels(*tables), job.output("figure"))
