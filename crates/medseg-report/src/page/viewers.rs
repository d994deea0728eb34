//! `viewers/<rank>.html`: pages on which the best, median and worst case are scrolled.

use std::fs;
use std::io::ErrorKind;

use medseg_data::{Case, discover};
use medseg_volume::{LabelChoice, Volume, VolumeError, read_label, read_label_of};
use serde_json::Value;

use super::figures::{chosen, ranked};
use crate::run::RunResults;
use crate::run_folder::write as write_file;
use crate::{ReportError, ViewerMask, ViewerOptions, ViewerPage};

/// Bytes of a page: some seconds of loading on a phone.
const MOST_BYTES: usize = 12 << 20;
/// Millimetres shown around the masks.
const MARGIN_MM: f64 = 30.0;
const RANKS: [&str; 3] = ["best", "median", "worst"];

/// Writes the pages of the cases whose files can be read, and removes those of an earlier report.
pub(super) fn write(run: &RunResults) -> Result<(), ReportError> {
    for rank in RANKS {
        let path = run.folder.viewer(rank);
        match fs::remove_file(&path) {
            Err(e) if !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(ReportError::io("remove", &path)(e));
            }
            _ => {}
        }
    }
    let cases = cases(run);
    let ranked = ranked(run);
    for (rank, at) in chosen(&ranked) {
        let Some(page) = cases.iter().find(|c| c.id == ranked[at].case).and_then(|case| page(run, case)) else {
            continue;
        };
        let folder = run.folder.viewers();
        fs::create_dir_all(&folder).map_err(ReportError::io("create", &folder))?;
        write_file(&run.folder.viewer(rank), page.html().as_bytes())?;
    }
    Ok(())
}

/// The cases of the run's data; none if they are no longer there. A relative folder is one in the run's.
fn cases(run: &RunResults) -> Vec<Case> {
    let folder = run.config.get("data").and_then(Value::as_str).filter(|folder| !folder.is_empty());
    folder.and_then(|folder| discover(run.folder.path().join(folder)).ok()).unwrap_or_default()
}

/// The page of a case; none if its image or its predicted mask cannot be read, or they do not lie on one grid.
fn page(run: &RunResults, case: &Case) -> Option<ViewerPage> {
    let image = case.first_channel().ok()?;
    let prediction = read_label(run.folder.prediction(&case.id)).ok()?;
    let reference = reference(run, case).ok().flatten();
    let named = reference.iter().map(|mask| ViewerMask::new("reference", mask));
    let masks: Vec<ViewerMask<'_>> = named.chain([ViewerMask::new("prediction", &prediction)]).collect();
    let options =
        ViewerOptions::default().with_title(&case.id).with_max_bytes(MOST_BYTES).with_crop_margin_mm(MARGIN_MM);
    ViewerPage::new(&image, &masks, &options).ok()
}

/// The reference in the values that predicted masks have: the data's own where there are several, else 1.
fn reference(run: &RunResults, case: &Case) -> Result<Option<Volume<u8>>, VolumeError> {
    let named = run.config.pointer("/settings/data/labels").and_then(Value::as_array);
    let values: Vec<u8> =
        named.into_iter().flatten().filter_map(Value::as_u64).filter_map(|v| u8::try_from(v).ok()).collect();
    let choice = match values[..] {
        [] => LabelChoice::Foreground,
        [only] => LabelChoice::Mapped([(i32::from(only), 1)].into()),
        _ => LabelChoice::only(&values),
    };
    case.label.as_ref().map(|path| read_label_of(path, &choice)).transpose()
}
