//! What a run leaves for people: curves, overlays, tables and one self-contained page.
//!
//! [`write_report`] makes `report.html` of a finished run's folder, and does so again at any time, without training:
//! `cargo run --example report -- RUN`.

mod charts;
mod overlay;
mod page;
mod picture;
mod run;
mod scores;
mod tables;
mod tensorboard;
mod warnings;

pub use charts::{BoxPlot, Chart, Group, PairedPlot, StageCurves, curves_png, curves_svg};
pub use overlay::{display_window, overlay};
pub use page::{report_html, write_report};
pub use picture::Picture;
pub use run::RunResults;
pub use scores::{Metric, Score, Scores};
pub use tables::{CaseRow, StageSummary, Summary, metrics_csv};
pub(crate) use tensorboard::ScalarLog;
pub(crate) use warnings::Recorder;
