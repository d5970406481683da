# Proximal flows and particles: rows of the table of generative models.


rule study_adversarial:
    input:
        data=expand(
            rules.prepare_dataset.output.data,
            dataset=SETTINGS.studies.adversarial.datasets,
        ),
    output:
        metrics=f"{RESULTS}/evaluations/adversarial/metrics.csv",
        samples=f"{RESULTS}/evaluations/adversarial/samples.npz",
        timing=f"{RESULTS}/evaluations/adversarial/timing.json",
        record=f"{RESULTS}/provenance/study_adversarial/all.json",
    log:
        f"{RESULTS}/logs/study_adversarial/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_adversarial/all.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    params:
        config=branches("studies.adversarial", "evaluation", "seeds"),
        without_density=[
            dataset
            for dataset in SETTINGS.studies.adversarial.datasets
            if not SETTINGS.datasets[dataset].has_density
        ],
        wall_times=["timing"],
        modules=used_by("study_adversarial"),
        code=digest("study_adversarial"),
    script:
        "../scripts/study_adversarial.py"
