# Generative particles (GPA): four Gaussians, heavy tails, the gradient-flow limit of a game.
KEYSTROKES = (
    [f"{RESULTS}/downloads/keystrokes.json"]
    if SETTINGS.studies.heavy_tails.keystrokes
    else []
)


rule study_gpa:
    output:
        runs=f"{RESULTS}/tables/gpa_runs.csv",
        arrays=f"{RESULTS}/studies/gpa.npz",
        limit=report(
            f"{RESULTS}/tables/gradient_flow_limit.csv",
            caption="../report/table_gradient_flow_limit.rst",
            category="2. Tables",
            labels={"table": "Discounted game and gradient flow"},
        ),
        record=f"{RESULTS}/provenance/study_gpa/all.json",
    log:
        f"{RESULTS}/logs/study_gpa/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_gpa/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.gpa", "seeds"),
        modules=used_by("study_gpa"),
        code=digest("study_gpa"),
    script:
        "../scripts/study_gpa.py"


rule table_gpa:
    input:
        runs=rules.study_gpa.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/gpa.csv",
            caption="../report/table_gpa.rst",
            category="2. Tables",
            labels={"table": "Particles on four Gaussians"},
        ),
        record=f"{RESULTS}/provenance/table_gpa/all.json",
    log:
        f"{RESULTS}/logs/table_gpa/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_gpa/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("profile"),
        modules=used_by("table_gpa"),
        code=digest("table_gpa"),
    script:
        "../scripts/table_gpa.py"


rule figure_gpa:
    input:
        arrays=rules.study_gpa.output.arrays,
    output:
        figure=report(
            f"{RESULTS}/figures/gpa.png",
            caption="../report/figure_gpa.rst",
            category="3. Figures",
            labels={"figure": "Particles on four Gaussians"},
        ),
        record=f"{RESULTS}/provenance/figure_gpa/all.json",
    log:
        f"{RESULTS}/logs/figure_gpa/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_gpa/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.gpa"),
        modules=used_by("figure_gpa"),
        code=digest("figure_gpa"),
    script:
        "../scripts/figure_gpa.py"


rule study_heavy_tails:
    input:
        manifest=KEYSTROKES,
    output:
        runs=f"{RESULTS}/tables/heavy_tails_runs.csv",
        arrays=f"{RESULTS}/studies/heavy_tails.npz",
        record=f"{RESULTS}/provenance/study_heavy_tails/all.json",
    log:
        f"{RESULTS}/logs/study_heavy_tails/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_heavy_tails/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.heavy_tails", "seeds"),
        modules=used_by("study_heavy_tails"),
        code=digest("study_heavy_tails"),
    script:
        "../scripts/study_heavy_tails.py"


rule table_heavy_tails:
    input:
        runs=rules.study_heavy_tails.output.runs,
    output:
        table=report(
            f"{RESULTS}/tables/heavy_tails.csv",
            caption="../report/table_heavy_tails.rst",
            category="2. Tables",
            labels={"table": "Particles on heavy tails"},
        ),
        record=f"{RESULTS}/provenance/table_heavy_tails/all.json",
    log:
        f"{RESULTS}/logs/table_heavy_tails/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_heavy_tails/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("profile"),
        modules=used_by("table_heavy_tails"),
        code=digest("table_heavy_tails"),
    script:
        "../scripts/table_heavy_tails.py"


rule figure_heavy_tails:
    input:
        arrays=rules.study_heavy_tails.output.arrays,
    output:
        figure=report(
            f"{RESULTS}/figures/heavy_tails.png",
            caption="../report/figure_heavy_tails.rst",
            category="3. Figures",
            labels={"figure": "Radial tails of particles"},
        ),
        record=f"{RESULTS}/provenance/figure_heavy_tails/all.json",
    log:
        f"{RESULTS}/logs/figure_heavy_tails/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_heavy_tails/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.heavy_tails.dofs", "studies.heavy_tails.keystrokes"),
        modules=used_by("figure_heavy_tails"),
        code=digest("figure_heavy_tails"),
    script:
        "../scripts/figure_heavy_tails.py"


STUDY_TABLES += [
    rules.study_gpa.output.runs,
    rules.study_gpa.output.limit,
    rules.table_gpa.output.table,
    rules.study_heavy_tails.output.runs,
    rules.table_heavy_tails.output.table,
]
STUDY_FIGURES += [
    rules.figure_gpa.output.figure,
    rules.figure_heavy_tails.output.figure,
]
