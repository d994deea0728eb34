//! What a run leaves for people: curves, overlays, tables and one self-contained page.

mod curves;
mod html;
mod overlay;
mod tables;

pub use curves::curves_svg;
pub use html::{ReportParts, report_html};
pub use overlay::{Picture, display_window, overlay};
pub use tables::{CaseRow, StageSummary, Summary, metrics_csv};
