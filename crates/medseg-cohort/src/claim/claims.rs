//! Claims on cases.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Worker;
use super::worker::read_json;
use crate::CohortFolder;
use crate::ledger::entries;

/// Times that a claim is tried again when others take and leave it meanwhile.
const TRIES: usize = 16;

/// The content of a claim's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ClaimText {
    case: String,
    /// Token of the worker.
    worker: String,
    /// Workers that died at the case before.
    deaths: u32,
    /// The model and options of the attempts.
    identity: String,
    /// Host, process and job, for people.
    holder: String,
}

/// The outcome of claiming.
#[derive(Debug)]
pub(crate) enum Claiming<'a> {
    /// This worker has the case.
    Mine(Claim<'a>),
    /// Another worker has it, in words.
    Busy(String),
}

/// The right to work on a case, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    worker: &'a Worker,
    path: PathBuf,
    /// Workers that died at the case before.
    pub deaths: u32,
}

impl Worker {
    /// Claims a case. `identity` says for which model and options deaths count.
    pub fn claim(&self, case: &str, identity: &str) -> io::Result<Claiming<'_>> {
        let path = self.cohort.claim_path(case);
        let mut deaths = 0;
        for _ in 0..TRIES {
            let text = ClaimText {
                case: case.into(),
                worker: self.token.clone(),
                deaths,
                identity: identity.into(),
                holder: self.identity.to_string(),
            };
            if self.make(&path, &text)? {
                self.hold(&path);
                return Ok(Claiming::Mine(Claim { worker: self, path, deaths }));
            }
            let Some(other) = read_json::<ClaimText>(&path) else {
                match self.age_of(&path) {
                    // Half a claim, of a file system without hard links.
                    Ok(age) if age <= self.limit() => return Ok(Claiming::Busy("another worker".into())),
                    Ok(_) => drop(fs::remove_file(&path)),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
                continue;
            };
            if !self.is_dead(&other.worker) {
                return Ok(Claiming::Busy(self.describe(&other.worker)));
            }
            if self.take_aside(&path, &other.worker)? {
                let asked = fs::remove_file(asked(&path)).is_ok();
                let counts = !asked && other.identity == identity;
                deaths = if other.identity == identity { other.deaths + u32::from(counts) } else { 0 };
            }
        }
        Ok(Claiming::Busy("several workers".into()))
    }

    /// Makes the file of a claim with all of its content at once; `false` if there is one.
    fn make(&self, path: &Path, text: &ClaimText) -> io::Result<bool> {
        let new = self.new_path("claim");
        let bytes = serde_json::to_vec(text).map_err(io::Error::from)?;
        fs::write(&new, &bytes)?;
        // A hard link is made by one worker alone on every file system that has them, old NFS among them.
        let made = match fs::hard_link(&new, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(linked(&new)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(error),
            // An answer may be lost on the way, and some file systems have no links.
            Err(_) if linked(&new) => Ok(true),
            Err(_) => match File::create_new(path) {
                Ok(mut file) => file.write_all(&bytes).map(|()| true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            },
        };
        let _ = fs::remove_file(new);
        made
    }

    /// Removes the claim of a worker: renamed first, and looked at again, since another claim may have taken its place.
    fn take_aside(&self, path: &Path, worker: &str) -> io::Result<bool> {
        let aside = self.new_path("aside");
        match fs::rename(path, &aside) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound && self.folder().is_dir() => return Ok(false),
            Err(error) => return Err(error),
        }
        let mine = read_json::<ClaimText>(&aside).is_none_or(|text| text.worker == worker);
        if !mine {
            // Its holder sees that it is gone only if a third worker was quicker than this.
            let _ = fs::hard_link(&aside, path);
        }
        let _ = fs::remove_file(&aside);
        Ok(mine)
    }
}

impl Claim<'_> {
    /// True if this worker still has the case.
    pub fn is_held(&self) -> bool {
        !self.worker.is_fenced()
            && read_json::<ClaimText>(&self.path).is_some_and(|text| text.worker == self.worker.token)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.worker.let_go(&self.path);
        if self.is_held() {
            let _ = fs::remove_file(asked(&self.path));
            let _ = self.worker.take_aside(&self.path, &self.worker.token);
        }
    }
}

/// Cases that dead workers left behind, with the path of the claim.
pub(crate) fn dead_claims(worker: &Worker, cohort: &CohortFolder) -> BTreeMap<String, PathBuf> {
    let mut dead = BTreeMap::new();
    for path in entries(&cohort.hidden("claims")).unwrap_or_default() {
        if path.extension().is_some_and(|ending| ending == "json")
            && let Some(text) = read_json::<ClaimText>(&path)
            && worker.is_dead(&text.worker)
        {
            dead.insert(text.case, path);
        }
    }
    dead
}

/// The mark of a claim whose worker was asked to stop: its end is no death at the case.
fn asked(claim: &Path) -> PathBuf {
    claim.with_extension("asked")
}

/// Marks a claim.
pub(super) fn mark_asked(claim: &Path) {
    let mark = asked(claim);
    if claim.exists() && !mark.exists() {
        let _ = File::create(mark);
    }
}

/// True if a file has two names.
fn linked(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).is_ok_and(|found| found.nlink() == 2)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
