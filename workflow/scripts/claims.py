"""Judge every claim and write the ledger."""

from mfglab.reporting.script import stage
from mfglab.files import write_text
from mfglab.reporting.claims import load_claims
from mfglab.reporting.figures.verdicts import draw_verdicts
from mfglab.reporting.judge import judge_claims
from mfglab.reporting.ledger import front_page, write_ledger

with stage(snakemake) as job:
    claims = load_claims(job.input("claims"))
    verdicts = judge_claims(claims, job.param("tables"), job.config_value("profile"))
    write_ledger(claims, verdicts, job.output("ledger"), job.output("markdown"))
    write_text(job.output("front"), front_page(claims, verdicts))
    draw_verdicts(claims, verdicts, job.output("figure"))
