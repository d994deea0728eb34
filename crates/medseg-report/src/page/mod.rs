//! `report.html`: one self-contained page.

mod cases;
mod compare;
mod figures;
pub(crate) mod html;
mod results;
mod settings;
mod viewers;

use std::path::{Path, PathBuf};

use crate::ReportError;
use crate::run::RunResults;
use crate::run_folder::write;
pub use html::escape;
use html::section;

const STYLE: &str = include_str!("style.css");
const SORT: &str = include_str!("sort.js");

/// Writes `report.html` into a finished run's folder and returns its path. `other` is the folder of another run on the
/// same cases, which is compared with it case by case.
///
/// Beside it, `viewers/` gets a [`ViewerPage`](crate::ViewerPage) of the best, median and worst case, at most 12 MiB each and
/// cut to 30 mm around the masks. The report links them. A case whose image or mask cannot be read where `config.json` has
/// the data has none.
///
/// # Errors
/// The file of either run that is missing or wrong, or [`ReportError::Io`].
pub fn write_report(run: &Path, other: Option<&Path>) -> Result<PathBuf, ReportError> {
    let run = RunResults::read(run)?;
    let other = other.map(RunResults::read).transpose()?;
    viewers::write(&run)?;
    let page = report_html(&run, other.as_ref())?;
    let path = run.folder.report();
    write(&path, page.as_bytes())?;
    Ok(path)
}

/// The page: results, comparison, training, pictures, cases, settings. It links the pages in the run's `viewers/`, if there
/// are any. Nothing is loaded from elsewhere, all text from files is escaped, and all but the sorting of the table of cases works without scripts.
///
/// # Errors
/// [`ReportError::Drawing`] for a chart that cannot be laid out, [`ReportError::Metrics`] for a comparison that fails.
pub fn report_html(run: &RunResults, other: Option<&RunResults>) -> Result<String, ReportError> {
    let title = format!("{} segmentation", run.summary.experiment.replace('_', "-"));
    let mut body = results::header(run, &title);
    body += &results::warnings(run);
    body += &section("results", "Results", &results::scores(run));
    body += &section("distributions", "Distribution over the cases", &figures::boxes(run, other)?);
    body += &compare::sections(run, other)?;
    body += &section("training", "Training", &figures::curves(run)?);
    body += &section("pictures", "Best, median and worst case", &figures::overlays(run));
    body += &section("cases", "Cases", &cases::table_of(run));
    body += &section("cost", "Time and memory", &results::cost(run));
    body += &section("settings", "Settings", &settings::tables(run));
    let title = escape(&title);
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main>{body}</main><script>{SORT}</script></body></html>\n"
    ))
}
