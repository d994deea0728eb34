//! The configuration files shipped with the examples are the presets.

use std::path::{Path, PathBuf};

use medseg_train::{Experiment, ExperimentConfig, Preset};

/// Environment variable with which the test writes the files instead of comparing them.
const UPDATE: &str = "MEDSEG_UPDATE_CONFIGS";

/// Each file's name and the preset it states.
fn shipped() -> [(&'static str, ExperimentConfig); 5] {
    [
        ("quick", Preset::Quick.config(Experiment::TwoStage)),
        ("quick-one-stage", Preset::Quick.config(Experiment::OneStage)),
        ("paper-one-stage-1", Preset::Reference.config(Experiment::OneStage)),
        ("paper-one-stage-2", Preset::ReferenceRun2.config(Experiment::OneStage)),
        ("paper-two-stage", Preset::Reference.config(Experiment::TwoStage)),
    ]
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../configs/{name}.toml"))
}

/// The text of a file: the first lines of the old one, which are for people, and the whole preset.
fn text(old: &str, preset: &ExperimentConfig) -> String {
    let comment: String = old.lines().take_while(|l| l.starts_with('#')).map(|l| format!("{l}\n")).collect();
    comment + &toml::to_string(preset).unwrap()
}

#[test]
fn every_file_states_its_preset() {
    for (name, preset) in shipped() {
        preset.validate().unwrap();
        let old = std::fs::read_to_string(path(name)).unwrap_or_default();
        let needed = text(&old, &preset);
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(path(name), &needed).unwrap();
        } else {
            assert!(old == needed, "{} must read as below; {UPDATE}=1 writes it\n\n{needed}", path(name).display());
        }
        assert_eq!(toml::from_str::<ExperimentConfig>(&needed).unwrap(), preset, "{name}");
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
