"""Judge every claim and write the ledger."""

from mfglab.reporting.script import stage
from mfglab.files import write_text
from mfglab.reporting.claims import load_claims
from mfglab.reporting.figures.style import figure_style, save
from mfglab.reporting.figures.verdicts import verdict_figure
from mfglab.reporting.judge import judge_claims
from mfglab.reporting.ledger import front_page, write_ledger

with stage(snakemake) as job, figure_style():
    claims = load_claims(job.input("claims"))
    verdicts = judge_claims(claims, job.param("tables"), job.config_value("profile"))
    write_ledger(claims, verdicts, job.output("ledger"), job.output("markdown"))
    write_text(job.output("front"), front_page(claims, verdicts))
    save(verdict_figure(claims, verdicts), job.output("figure"), dpi=80)
