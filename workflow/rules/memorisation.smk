# Memorisation of the training set: score models, empirical kernels, learned kernels. One job.
rule study_memorisation:
    output:
        runs=f"{RESULTS}/tables/memorisation_runs.csv",
        kernels=f"{RESULTS}/tables/kernel_runs.csv",
        arrays=f"{RESULTS}/studies/memorisation.npz",
        record=f"{RESULTS}/provenance/study_memorisation/all.json",
    log:
        f"{RESULTS}/logs/study_memorisation/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_memorisation/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds", "studies.memorisation"),
        work=f"{RESULTS}/unfinished/study_memorisation",
        modules=used_by("study_memorisation"),
        code=digest("study_memorisation"),
    script:
        "../scripts/study_memorisation.py"


rule table_memorisation:
    input:
        runs=rules.study_memorisation.output.runs,
        kernels=rules.study_memorisation.output.kernels,
    output:
        table=report(
            f"{RESULTS}/tables/memorisation.csv",
            caption="../report/table_memorisation.rst",
            category="2. Tables",
            labels={"table": "Memorisation"},
        ),
        kernels=report(
            f"{RESULTS}/tables/kernels.csv",
            caption="../report/table_kernels.rst",
            category="2. Tables",
            labels={"table": "Kernels in 4 and 6 dimensions"},
        ),
        record=f"{RESULTS}/provenance/table_memorisation/all.json",
    log:
        f"{RESULTS}/logs/table_memorisation/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_memorisation/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_memorisation"),
        code=digest("table_memorisation"),
    script:
        "../scripts/table_memorisation.py"


rule figure_memorisation:
    input:
        runs=rules.study_memorisation.output.runs,
        kernels=rules.study_memorisation.output.kernels,
        arrays=rules.study_memorisation.output.arrays,
    output:
        figure=report(
            f"{RESULTS}/figures/memorisation.png",
            caption="../report/figure_memorisation.rst",
            category="3. Figures",
            labels={"figure": "Memorisation of the training set"},
        ),
        record=f"{RESULTS}/provenance/figure_memorisation/all.json",
    log:
        f"{RESULTS}/logs/figure_memorisation/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_memorisation/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.memorisation.datasets"),
        modules=used_by("figure_memorisation"),
        code=digest("figure_memorisation"),
    script:
        "../scripts/figure_memorisation.py"


STUDY_TABLES += [
    rules.study_memorisation.output.runs,
    rules.study_memorisation.output.kernels,
    rules.table_memorisation.output.table,
    rules.table_memorisation.output.kernels,
]
STUDY_FIGURES += [rules.figure_memorisation.output.figure]
