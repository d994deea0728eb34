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
