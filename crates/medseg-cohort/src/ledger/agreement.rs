//! Records compared with what is there.

use std::io;

use medseg_files::FileDigest;

use super::{CohortFolder, InputDigest, OutputDigest, Record, RunIdentity, SCHEMA, digest_inputs, stamp, stamp_of};
use crate::{Case, CaseStatus, FailureKind, Retry, RunOptions, Verify};

/// The decision about a case.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Done, and everything agrees.
    Done(Box<Record>),
    /// Failed before, and is not to be tried again.
    LeaveFailed(Box<Record>),
    /// To be done. The input's digest, if it had to be computed.
    Work(Option<InputDigest>),
}

/// Compares a case's record with its input, the model, the options and the outputs. `known` is the input's digest, if it was
/// computed just before.
///
/// # Errors
/// Those of reading the input.
pub(crate) fn verdict(
    folder: &CohortFolder,
    case: &Case,
    identity: &RunIdentity,
    options: &RunOptions,
    known: Option<InputDigest>,
) -> io::Result<Verdict> {
    let verify = options.verify;
    let Some(record) = folder.record(&case.id) else { return Ok(Verdict::Work(known)) };
    if record.schema != SCHEMA || !record.identity.agrees(identity) {
        return Ok(Verdict::Work(known));
    }
    let again = match record.row.status {
        CaseStatus::Done if !outputs_agree(folder, &record.outputs, verify) => return Ok(Verdict::Work(known)),
        CaseStatus::Done => false,
        _ => match options.retry {
            Retry::All => true,
            Retry::Failed => record.row.failure != Some(FailureKind::Killed),
            Retry::None => false,
        },
    };
    if again {
        return Ok(Verdict::Work(known));
    }
    let Some(recorded) = &record.input else { return Ok(Verdict::Work(known)) };
    let untouched = verify == Verify::Times && recorded.stamp.is_some() && recorded.stamp == stamp_of(case).ok();
    if !untouched {
        let digest = known.map_or_else(|| digest_inputs(case), Ok)?;
        if !digest.agrees(recorded) {
            return Ok(Verdict::Work(Some(digest)));
        }
    }
    let done = record.row.status == CaseStatus::Done;
    Ok(if done { Verdict::Done(Box::new(record)) } else { Verdict::LeaveFailed(Box::new(record)) })
}

/// True if every output is there as it was written.
fn outputs_agree(folder: &CohortFolder, outputs: &[OutputDigest], verify: Verify) -> bool {
    outputs.iter().all(|output| {
        let path = folder.root().join(&output.path);
        if verify == Verify::Times && stamp(&[&path]).is_ok_and(|found| found == output.stamp) {
            return true;
        }
        FileDigest { bytes: output.bytes, sha256: output.sha256.clone() }.check(&path).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CaseImage, TableRow};

    #[test]
    fn files_with_the_times_of_the_record_are_not_read_unless_that_is_wanted() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.nii");
        std::fs::write(&path, "voxels").unwrap();
        let case = Case::new("a", CaseImage::Channels(vec![path.clone()])).unwrap();
        let folder = CohortFolder::new(place.path().join("out"));
        let mut input = digest_inputs(&case).unwrap();
        assert_eq!(input.stamp, None, "it was written just now");
        // A digest that is wrong shows whether the file was read.
        input.sha256 = "0".repeat(64);
        let mut record = Record {
            schema: SCHEMA,
            row: TableRow::new("a", CaseStatus::Done, "a.nii"),
            input: Some(input),
            identity: RunIdentity::new("m"),
            outputs: Vec::new(),
            worker: String::new(),
            finished_unix: 0,
        };
        let is_done = |record: &Record, verify| {
            let path = folder.record_path("a");
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, serde_json::to_vec(record).unwrap()).unwrap();
            let options = RunOptions::default().with_verify(verify);
            matches!(verdict(&folder, &case, &RunIdentity::new("m"), &options, None), Ok(Verdict::Done(_)))
        };
        assert!(!is_done(&record, Verify::Times) && !is_done(&record, Verify::Content));
        record.input.as_mut().unwrap().stamp = Some(stamp_of(&case).unwrap());
        assert!(is_done(&record, Verify::Times) && !is_done(&record, Verify::Content));
        std::fs::write(&path, "others").unwrap();
        assert!(!is_done(&record, Verify::Times));
    }

    #[test]
    fn the_digest_of_one_file_is_its_sha256_and_voxels_beside_a_header_count() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
        write("a.nii", "abc");
        let digest = |name: &str| {
            let files = vec![place.path().join(name)];
            digest_inputs(&Case::new("a", CaseImage::Channels(files)).unwrap()).unwrap()
        };
        assert!(digest("a.nii").sha256.starts_with("ba7816bf"));
        let header = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 1\nElementSpacing = 1 1 1\nElementType = MET_UCHAR\n\
                      ElementDataFile = v.raw\n";
        write("v.mhd", header);
        write("v.raw", "1234");
        let before = digest("v.mhd");
        assert_eq!(before.files, 2);
        write("v.raw", "1235");
        assert!(!digest("v.mhd").agrees(&before));
    }
}
