# The whole replication: `snakemake --cores all`. Rules live in workflow/rules, one script a rule.
from snakemake.utils import min_version

min_version("9.10")


configfile: "config/default.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/generative.smk"
include: "workflow/rules/adversarial.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/digits.smk"
include: "workflow/rules/flow_ablation.smk"
include: "workflow/rules/optimality.smk"
include: "workflow/rules/particles.smk"
include: "workflow/rules/manifolds.smk"
include: "workflow/rules/hjb_score.smk"
include: "workflow/rules/data_efficiency.smk"
include: "workflow/rules/contamination.smk"
include: "workflow/rules/equivariance.smk"
include: "workflow/rules/memorisation.smk"
include: "workflow/rules/bridge.smk"
include: "workflow/rules/boltzmann.smk"
include: "workflow/rules/robustness.smk"
include: "workflow/rules/certificate.smk"
include: "workflow/rules/flow_robustness.smk"
include: "workflow/rules/proximal_map.smk"
include: "workflow/rules/transformer.smk"
include: "workflow/rules/reporting.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    tables,
    figures,
    audit,


rule all:
    default_target: True
    input:
        rules.claims.output,
        rules.figures.input,
        rules.tables.input,


rule audit:
    log:
        f"{RESULTS}/logs/audit/all.log",
    conda:
        "environment.yml"
    # No output: it always runs, on whatever is there, and makes nothing.
    params:
        results=RESULTS,
        config=CONFIG,
    script:
        "workflow/scripts/audit.py"
