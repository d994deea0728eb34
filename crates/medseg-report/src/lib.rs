#![doc = include_str!("../README.md")]

mod case_row;
mod charts;
mod error;
mod history;
mod overlay;
mod page;
mod picture;
mod run;
mod run_folder;
mod scores;
mod summary;
mod tensorboard;
mod viewer;

pub use case_row::CaseRow;
pub use charts::{BoxPlot, Chart, Group, PairedPlot, StageCurves, curves_png, curves_svg};
pub use error::ReportError;
pub use history::{EpochRecord, history_csv, history_jsonl};
pub use ndarray;
pub use overlay::{display_window, label_colour, overlay, with_legend};
pub use page::{escape, report_html, write_report};
pub use picture::Picture;
pub use run::RunResults;
pub use run_folder::{RunFolder, StageFolder};
pub use scores::{Metric, Score, Scores};
pub use summary::{RunSummary, StageSummary};
pub use tensorboard::ScalarLog;
pub use viewer::{ViewerMask, ViewerOptions, ViewerPage, ViewerReduction, write_viewer};
