# Generated digits: features of a small classifier, nearest training images. One job a model, and
# one for samples of known verdict and of models that were not kept.
DIGITS = [run for run in RUNS if SETTINGS.datasets[run[1]].kind == "digits"]


rule study_digits:
    input:
        data=rules.prepare_dataset.output.data.format(dataset=DIGITS[0][1]),
        samples=(
            [rules.study_adversarial.output.samples]
            if DIGITS[0][1] in SETTINGS.studies.adversarial.datasets
            else []
        ),
    output:
        runs=f"{RESULTS}/studies/digits.csv",
        arrays=f"{RESULTS}/studies/digits.npz",
        record=f"{RESULTS}/provenance/study_digits/all.json",
    log:
        f"{RESULTS}/logs/study_digits/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_digits/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.digits", "seeds"),
        dataset=DIGITS[0][1],
        modules=used_by("study_digits"),
        code=digest("study_digits"),
    script:
        "../scripts/study_digits.py"


rule judge_digits:
    input:
        data=rules.prepare_dataset.output.data,
        weights=rules.train_model.output.weights,
        meta=rules.train_model.output.meta,
    output:
        runs=f"{RESULTS}/evaluations/{RUN}/digits.csv",
        arrays=f"{RESULTS}/evaluations/{RUN}/digits.npz",
        record=f"{RESULTS}/provenance/judge_digits/{{model}}.{{dataset}}.json",
    log:
        f"{RESULTS}/logs/judge_digits/{{model}}.{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/judge_digits/{{model}}.{{dataset}}.tsv"
    wildcard_constraints:
        dataset="|".join(sorted({dataset for _, dataset in DIGITS})),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.digits", "models.{model}.title"),
        modules=used_by("judge_digits"),
        code=digest("judge_digits"),
    script:
        "../scripts/judge_digits.py"


rule table_digits:
    input:
        runs=[
            rules.study_digits.output.runs,
            *of_pairs(rules.judge_digits.output.runs, DIGITS),
        ],
    output:
        runs=f"{RESULTS}/tables/digits_runs.csv",
        table=report(
            f"{RESULTS}/tables/digits.csv",
            caption="../report/table_digits.rst",
            category="2. Tables",
            labels={"table": "Generated digits"},
        ),
        record=f"{RESULTS}/provenance/table_digits/all.json",
    log:
        f"{RESULTS}/logs/table_digits/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/table_digits/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("table_digits"),
        code=digest("table_digits"),
    script:
        "../scripts/table_digits.py"


rule figure_digits:
    input:
        arrays=[
            rules.study_digits.output.arrays,
            *of_pairs(rules.judge_digits.output.arrays, DIGITS),
        ],
    output:
        figure=report(
            f"{RESULTS}/figures/digits.png",
            caption="../report/figure_digits.rst",
            category="3. Figures",
            labels={"figure": "Generated digits and their nearest training images"},
        ),
        record=f"{RESULTS}/provenance/figure_digits/all.json",
    log:
        f"{RESULTS}/logs/figure_digits/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_digits/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("seeds"),
        modules=used_by("figure_digits"),
        code=digest("figure_digits"),
    script:
        "../scripts/figure_digits.py"


STUDY_TABLES += [rules.table_digits.output.runs, rules.table_digits.output.table]
STUDY_FIGURES += [rules.figure_digits.output.figure]
