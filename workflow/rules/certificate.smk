# Certified radii about the laws of trained networks, and further robustness sweeps.


rule study_certificate:
    output:
        runs=f"{RESULTS}/tables/certificate_runs.csv",
        table=report(
            f"{RESULTS}/tables/certificate.csv",
            caption="../report/table_certificate.rst",
            category="2. Tables",
            labels={"table": "Certified radii: coverage"},
        ),
        record=f"{RESULTS}/provenance/study_certificate/all.json",
    log:
        f"{RESULTS}/logs/study_certificate/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_certificate/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.certificate"),
        modules=used_by("study_certificate"),
        code=digest("study_certificate"),
    script:
        "../scripts/study_certificate.py"


rule figure_certificate:
    input:
        runs=rules.study_certificate.output.runs,
        table=rules.study_certificate.output.table,
    output:
        figure=report(
            f"{RESULTS}/figures/certificate.png",
            caption="../report/figure_certificate.rst",
            category="3. Figures",
            labels={"figure": "Certified radii of trained networks"},
        ),
        record=f"{RESULTS}/provenance/figure_certificate/all.json",
    log:
        f"{RESULTS}/logs/figure_certificate/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_certificate/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_certificate"),
        code=digest("figure_certificate"),
    script:
        "../scripts/figure_certificate.py"


rule study_robustness_wide:
    output:
        runs=f"{RESULTS}/tables/robustness_wide_runs.csv",
        slopes=f"{RESULTS}/tables/robustness_wide_slopes.csv",
        table=report(
            f"{RESULTS}/tables/robustness_wide.csv",
            caption="../report/table_robustness_wide.rst",
            category="2. Tables",
            labels={"table": "Robustness: further sweeps"},
        ),
        record=f"{RESULTS}/provenance/study_robustness_wide/all.json",
    log:
        f"{RESULTS}/logs/study_robustness_wide/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_robustness_wide/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.robustness_wide"),
        modules=used_by("study_robustness_wide"),
        code=digest("study_robustness_wide"),
    script:
        "../scripts/study_robustness_wide.py"


rule figure_robustness_wide:
    input:
        runs=rules.study_robustness_wide.output.runs,
    output:
        figure=report(
            f"{RESULTS}/figures/robustness_wide.png",
            caption="../report/figure_robustness_wide.rst",
            category="3. Figures",
            labels={"figure": "Robustness: further sweeps"},
        ),
        record=f"{RESULTS}/provenance/figure_robustness_wide/all.json",
    log:
        f"{RESULTS}/logs/figure_robustness_wide/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_robustness_wide/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_robustness_wide"),
        code=digest("figure_robustness_wide"),
    script:
        "../scripts/figure_robustness_wide.py"


STUDY_TABLES += [
    rules.study_certificate.output.runs,
    rules.study_certificate.output.table,
    rules.study_robustness_wide.output.runs,
    rules.study_robustness_wide.output.slopes,
    rules.study_robustness_wide.output.table,
]
STUDY_FIGURES += [
    rules.figure_certificate.output.figure,
    rules.figure_robustness_wide.output.figure,
]
