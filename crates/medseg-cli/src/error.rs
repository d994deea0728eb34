//! Errors of the program and their exit codes.

use std::error::Error;
use std::process::ExitCode;

use medseg_data::DataError;
use medseg_plan::PlanError;
use medseg_train::TrainError;
use medseg_volume::error_chain;

use crate::output;

/// A failure, as the user sees it.
#[derive(Debug)]
pub enum CliError {
    /// A wrong command line or configuration.
    Usage(String),
    /// Anything else: one sentence.
    Failed(String),
}

impl CliError {
    /// The same failure, with the number of the process that it happened in.
    pub fn on_rank(self, rank: usize) -> Self {
        match self {
            Self::Usage(text) => Self::Usage(format!("rank {rank}: {text}")),
            Self::Failed(text) => Self::Failed(format!("rank {rank}: {text}")),
        }
    }

    /// Prints the error as one sentence, and gives its exit code.
    pub fn print(&self) -> u8 {
        let (text, code) = match self {
            Self::Usage(text) => (text, 2),
            Self::Failed(text) => (text, 1),
        };
        output::remark(format_args!("error: {text}"));
        code
    }

    /// A failure with its causes.
    pub fn failed(error: &(dyn Error + 'static)) -> Self {
        let text = error_chain(error);
        Self::Failed(match option_for(error) {
            Some(option) => format!("{text} ({option})"),
            None => text,
        })
    }
}

/// The option that answers an error about a DICOM series.
#[cfg(feature = "dicom")]
fn option_for(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use medseg_volume::VolumeError;
    use medseg_volume::dicom::DicomError;

    let error = match error.downcast_ref::<VolumeError>() {
        Some(VolumeError::Series(error)) => error,
        _ => error.downcast_ref::<DicomError>()?,
    };
    match error {
        DicomError::SeveralSeries { .. } => Some("--series UID"),
        DicomError::GantryTilt { .. } => Some("--accept-tilt reads it as a sheared volume"),
        _ => None,
    }
}

#[cfg(not(feature = "dicom"))]
fn option_for(_: &(dyn Error + 'static)) -> Option<&'static str> {
    None
}

impl From<TrainError> for CliError {
    fn from(error: TrainError) -> Self {
        if error.is_usage() { Self::Usage(error_chain(&error)) } else { Self::failed(&error) }
    }
}

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Data(error) => error.into(),
            PlanError::Train(error) => error.into(),
            PlanError::Budget(_) | PlanError::NoLabels { .. } | PlanError::NoForeground { .. } => {
                Self::Usage(error.to_string())
            }
            error => Self::failed(&error),
        }
    }
}

impl From<DataError> for CliError {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Offline { .. } => Self::Usage(error_chain(&error)),
            error => Self::failed(&error),
        }
    }
}

/// Makes failures of libraries failures of the program.
macro_rules! failed {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for CliError {
            fn from(error: $error) -> Self {
                Self::failed(&error)
            }
        }
    )*};
}
failed!(
    std::io::Error,
    serde_json::Error,
    medseg_bundle::BundleError,
    medseg_cohort::CohortError,
    medseg_files::LockError,
    medseg_metrics::MetricsError,
    medseg_nnunet::NnUnetError,
    medseg_report::ReportError,
    medseg_volume::VolumeError,
);
#[cfg(feature = "dicom")]
failed!(medseg_volume::dicom::DicomError);

/// Prints the error, if any, as one sentence.
pub fn exit_code(result: Result<(), CliError>) -> ExitCode {
    result.map_or_else(|error| ExitCode::from(error.print()), |()| ExitCode::SUCCESS)
}
