//! The configuration files shipped with the examples are the presets.

use std::path::{Path, PathBuf};

use medseg_train::{Experiment, ExperimentConfig, Preset};

/// Each file's name and the preset it states.
fn shipped() -> [(&'static str, ExperimentConfig); 5] {
    [
        ("quick", Preset::Quick.config(Experiment::TwoStage)),
        ("quick-one-stage", Preset::Quick.config(Experiment::OneStage)),
        ("paper-one-stage-1", Preset::Paper.config(Experiment::OneStage)),
        ("paper-one-stage-2", Preset::PaperRun2.config(Experiment::OneStage)),
        ("paper-two-stage", Preset::Paper.config(Experiment::TwoStage)),
    ]
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../configs/{name}.toml"))
}

#[test]
fn every_file_states_its_preset() {
    for (name, preset) in shipped() {
        let text = std::fs::read_to_string(path(name)).unwrap();
        let config: ExperimentConfig = toml::from_str(&text).unwrap();
        assert_eq!(config, preset, "{name}");
        config.validate().unwrap();
        // Nothing is left to a default: the file is the whole experiment.
        let (said, all): (toml::Table, toml::Table) =
            (toml::from_str(&text).unwrap(), toml::Table::try_from(&preset).unwrap());
        assert_eq!(said, all, "{name}");
    }
}

#[test]
fn the_reference_experiments_are_what_they_were() {
    let [_, _, (_, first), (_, second), (_, two)] = shipped();
    let lr_and_epochs = |c: &ExperimentConfig| (c.fine.optimizer.lr, c.fine.epochs, c.fine.validate_every);
    assert_eq!(lr_and_epochs(&first), (0.008, 50, 10));
    assert_eq!(lr_and_epochs(&second), (0.004, 200, 10));
    assert_eq!(lr_and_epochs(&two), (0.004, 100, 10));
    assert_eq!(two.coarse.as_ref().map(|c| (c.epochs, c.optimizer.lr)), Some((100, 0.004)));
    assert_eq!(two.fine.foreground_margin, 30);
}

/// Writes the files anew after a change of the presets, each with its first lines kept.
#[test]
#[ignore = "writes to the source tree: cargo test --test train_configs -- --ignored"]
fn write_the_files() {
    for (name, preset) in shipped() {
        let old = std::fs::read_to_string(path(name)).unwrap_or_default();
        let comment: String = old.lines().take_while(|l| l.starts_with('#')).map(|l| format!("{l}\n")).collect();
        std::fs::write(path(name), format!("{comment}{}", toml::to_string(&preset).unwrap())).unwrap();
    }
}
