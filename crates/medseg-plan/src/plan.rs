//! A plan: settings with their reasons.

use std::path::Path;
use std::time::Instant;

use burn::tensor::Device;
use medseg_data::{Case, discover};
use medseg_files::write_atomic;
use medseg_train::{Experiment, ExperimentConfig, Observer, TrainError};

use crate::PlanError;
use crate::budget::{self, Counts, Work};
use crate::decide::{clean, grid, intensity, mirror, stages};
use crate::decision::Decision;
use crate::fingerprint::Fingerprint;
use crate::options::PlanOptions;
use crate::page;
use crate::settings::Choices;

/// Name of the settings' file that [`Plan::write`] makes.
pub const PLAN_FILE: &str = "plan.toml";
/// Name of the page that [`Plan::write`] makes.
pub const PLAN_PAGE: &str = "plan.html";

/// Settings for a data set, each with its reason.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The facts.
    pub fingerprint: Fingerprint,
    /// The choices, in the order in which they were made.
    pub decisions: Vec<Decision>,
    /// The settings, ready for [`run_experiment`](medseg_train::run_experiment).
    pub config: ExperimentConfig,
    /// Planned seconds of the whole run, planning included.
    pub seconds: f64,
    /// Planned bytes of memory at the most.
    pub memory: u64,
    options: PlanOptions,
}

impl Plan {
    /// Reads the data, decides, and times training steps on the devices to fill the time.
    ///
    /// `experiment` overrides the choice between one stage and two.
    ///
    /// # Errors
    /// Faults of the data; a time or memory that no plan keeps.
    pub fn make(
        options: &PlanOptions,
        experiment: Option<Experiment>,
        devices: &[Device],
        observer: &mut dyn Observer,
    ) -> Result<Self, PlanError> {
        let started = Instant::now();
        if !(options.seconds.is_finite() && options.seconds > 0.0) {
            return Err(PlanError::Budget(format!("a plan needs a time above 0 s, not {}", options.seconds)));
        }
        let found = Fingerprint::read(&options.folder, &options.labels, options.groups.as_ref(), observer)?;
        found.oddities.iter().for_each(|oddity| observer.warn(oddity));
        let (spacing_mm, spacing) = grid::spacing(&found);
        let (intensity, intensities) = intensity::intensity(&found);
        let (mirror, mirroring) = mirror::axes(&found);
        let (chosen, stage) = stages::experiment(&found);
        let stage = match experiment {
            Some(wanted) if wanted != chosen => {
                Decision::new("Stages", wanted.name().replace('_', " "), format!("As asked for. {}", stage.reason))
            }
            _ => stage,
        };
        let experiment = experiment.unwrap_or(chosen);
        let (training, counts) = training(options)?;
        let (cleaning, cleaned) = clean::cleaning(&found, counts.validation);
        let cases_a_step = (devices.len() * options.processes).max(1);
        let choices = Choices { experiment, spacing_mm, intensity, cleaning, mirror, cases_a_step };
        let work = Work { training: &training, counts, devices, started };
        let fitted = budget::fit(&found, &choices, options, work, observer)?;
        let mut decisions = vec![grid::orientation(&found), spacing, intensities, stage];
        decisions.extend(fitted.decisions);
        decisions.extend([mirroring, cleaned]);
        fitted.config.validate()?;
        Ok(Self {
            fingerprint: found,
            decisions,
            config: fitted.config,
            seconds: fitted.seconds,
            memory: fitted.memory,
            options: options.clone(),
        })
    }

    /// The settings as a TOML file whose comments are the reasons.
    ///
    /// # Errors
    /// [`PlanError::Train`] for settings that have no form in TOML, such as a number that is not finite.
    pub fn toml(&self) -> Result<String, PlanError> {
        let settings = toml::to_string(&self.config).map_err(|e| TrainError::Config(e.to_string()))?;
        let mut text = format!(
            "# Planned for {} labelled cases: {:.0} minutes and {} MiB of memory.\n",
            self.fingerprint.headers.len(),
            self.seconds / 60.0,
            self.memory >> 20
        );
        for Decision { setting, value, reason } in &self.decisions {
            text.push_str(&format!("# {setting}: {value}. {reason}\n"));
        }
        for oddity in &self.fingerprint.oddities {
            text.push_str(&format!("# Look at: {}\n", oddity.replace('\n', " ")));
        }
        text.push_str(&format!("\n{settings}"));
        Ok(text)
    }

    /// Writes `plan.toml`, `plan.html` and `fingerprint.json` to a folder, which is made if it is not there.
    ///
    /// # Errors
    /// The system's, naming the file; a picture that cannot be drawn.
    pub fn write(&self, folder: &Path) -> Result<(), PlanError> {
        std::fs::create_dir_all(folder).map_err(|source| PlanError::Io { path: folder.to_path_buf(), source })?;
        let facts = serde_json::to_string_pretty(&self.fingerprint).map_err(|e| TrainError::Config(e.to_string()))?;
        let page = page::html(self, &self.options)?;
        for (name, text) in [(PLAN_FILE, self.toml()?), ("fingerprint.json", facts), (PLAN_PAGE, page)] {
            let path = folder.join(name);
            write_atomic(&path, text.as_bytes()).map_err(|source| PlanError::Io { path, source })?;
        }
        Ok(())
    }
}

/// The training cases of the split and the numbers of all.
fn training(options: &PlanOptions) -> Result<(Vec<Case>, Counts), PlanError> {
    let mut cases = discover(&options.folder)?;
    cases.retain(|case| case.label.is_some());
    let split = match &options.groups {
        Some(groups) => groups.split(&options.split, &cases)?,
        None => options.split.split(&cases)?,
    };
    let chosen = cases.iter().filter(|case| split.train.contains(&case.id)).cloned().collect::<Vec<_>>();
    let predicted = if split.unused.is_empty() { split.validation.len() } else { split.unused.len() };
    Ok((chosen, Counts { train: split.train.len(), validation: split.validation.len(), predicted }))
}
