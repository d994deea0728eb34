//! A worker: a process, and a folder that says that it lives.
//!
//! A worker's folder holds its sign of life and all that it has not published yet. Whoever finds it dead renames this folder:
//! only one can, and from then on the worker, if it wakes up, cannot publish anything, since its files have other names.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use xxhash_rust::xxh3::xxh3_64;

use super::claims::mark_asked;
use super::process::ProcessIdentity;
use super::{age, beat};
use crate::ledger::entries;
use crate::{CohortError, CohortFolder};

const IDENTITY: &str = "worker.json";
const ALIVE: &str = "alive";
/// In the names of folders of dead workers.
const DEAD: &str = ".dead-";
/// Bytes of a worker's or a claim's file that are read.
pub(super) const LARGEST: u64 = 1 << 16;

/// The worker of this run.
#[derive(Debug)]
pub(crate) struct Worker {
    pub cohort: CohortFolder,
    pub token: String,
    pub identity: ProcessIdentity,
    /// Without a sign of life for so long a worker is dead.
    limit: Duration,
    shared: Arc<Shared>,
    /// Ends the heart when dropped.
    heart: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    beats: AtomicU64,
    files: AtomicU64,
    fenced: AtomicBool,
    /// Paths of the claims that are held.
    claims: Mutex<Vec<PathBuf>>,
}

impl Shared {
    fn beat(&self) -> io::Result<SystemTime> {
        let beaten = beat(&self.folder.join(ALIVE), self.beats.fetch_add(1, Ordering::Relaxed));
        if beaten.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            self.fenced.store(true, Ordering::SeqCst);
        }
        beaten
    }
}

impl Worker {
    /// Makes the worker's folder, and lets its heart beat every `interval`.
    pub fn start(
        cohort: &CohortFolder,
        interval: Duration,
        limit: Duration,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, CohortError> {
        for name in ["cases", "claims", "workers"] {
            let path = cohort.hidden(name);
            fs::create_dir_all(&path).map_err(CohortError::io("make", path))?;
        }
        let identity = ProcessIdentity::own();
        let token = token(&identity);
        let folder = cohort.hidden("workers").join(&token);
        let made = fs::create_dir(&folder).and_then(|()| {
            File::create_new(folder.join(ALIVE))?;
            let text = serde_json::to_vec(&identity).map_err(io::Error::from)?;
            fs::write(folder.join(IDENTITY), text)
        });
        made.map_err(CohortError::io("write to", &folder))?;
        let shared = Arc::new(Shared {
            folder,
            beats: AtomicU64::new(0),
            files: AtomicU64::new(0),
            fenced: AtomicBool::new(false),
            claims: Mutex::new(Vec::new()),
        });
        shared.beat().map_err(CohortError::io("write to", &shared.folder))?;
        let (end, ended) = mpsc::channel();
        let heart = Arc::clone(&shared);
        let beats = std::thread::Builder::new()
            .name("cohort heart".into())
            .spawn(move || heart_beats(&heart, interval, &stop, &ended))
            .map_err(CohortError::io("start a thread for", cohort.root()))?;
        Ok(Self { cohort: cohort.clone(), token, identity, limit, shared, heart: Some((end, beats)) })
    }

    /// The worker's own folder.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// A new name in the worker's own folder.
    pub fn new_path(&self, purpose: &str) -> PathBuf {
        self.shared.folder.join(format!("{purpose}-{}", self.shared.files.fetch_add(1, Ordering::Relaxed)))
    }

    /// True once others took this worker for dead.
    pub fn is_fenced(&self) -> bool {
        if !self.shared.fenced.load(Ordering::SeqCst) && !self.shared.folder.is_dir() {
            self.shared.fenced.store(true, Ordering::SeqCst);
        }
        self.shared.fenced.load(Ordering::SeqCst)
    }

    /// Writes a file under a name in the cohort's folder: at once, and only while this worker lives.
    pub fn publish(&self, bytes: &[u8], path: &Path) -> io::Result<()> {
        let new = self.new_path("new");
        let mut file = File::create_new(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(new, path)
    }

    pub(super) fn hold(&self, claim: &Path) {
        self.lock().push(claim.to_path_buf());
    }

    pub(super) fn let_go(&self, claim: &Path) {
        self.lock().retain(|held| held != claim);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<PathBuf>> {
        self.shared.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Declares dead workers dead and removes what they left behind.
    pub fn bury_the_dead(&self) -> Result<(), CohortError> {
        for folder in entries(&self.cohort.hidden("workers"))? {
            let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { continue };
            if name.contains(DEAD) {
                let _ = fs::remove_dir_all(&folder);
            } else if is_token(name) {
                self.is_dead(name);
            }
        }
        Ok(())
    }

    /// True if a worker is dead; its folder is gone then.
    pub fn is_dead(&self, token: &str) -> bool {
        if token == self.token {
            return false;
        }
        // Claims are files that anyone may have written: no other name is ever a path.
        if !is_token(token) {
            return true;
        }
        let folder = self.cohort.hidden("workers").join(token);
        match self.lives(&folder) {
            Ok(true) => return false,
            Ok(false) => {}
            // Its folder is gone: it ended, or another worker was quicker.
            Err(error) if error.kind() == ErrorKind::NotFound && !folder.exists() => return true,
            Err(_) => return false,
        }
        let grave = folder.with_file_name(format!("{token}{DEAD}{}", self.token));
        if let Err(error) = fs::rename(&folder, &grave) {
            return error.kind() == ErrorKind::NotFound;
        }
        let _ = fs::remove_dir_all(&grave);
        true
    }

    fn lives(&self, folder: &Path) -> io::Result<bool> {
        if let Some(identity) = read_json::<ProcessIdentity>(&folder.join(IDENTITY))
            && identity.is_gone(&self.identity)
        {
            return Ok(false);
        }
        let now = self.shared.beat()?;
        let alive = folder.join(ALIVE);
        let age = age(&alive, now).or_else(|_| age(folder, now))?;
        Ok(age <= self.limit)
    }

    /// The time since a file changed, by the file system's clock.
    pub(super) fn age_of(&self, file: &Path) -> io::Result<Duration> {
        age(file, self.shared.beat()?)
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// The worker of a token, in words.
    pub(super) fn describe(&self, token: &str) -> String {
        let path = self.cohort.hidden("workers").join(token).join(IDENTITY);
        let identity = is_token(token).then(|| read_json::<ProcessIdentity>(&path)).flatten();
        identity.map_or_else(|| "another worker".into(), |identity| identity.to_string())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some((end, heart)) = self.heart.take() {
            drop(end);
            let _ = heart.join();
        }
        let _ = fs::remove_dir_all(&self.shared.folder);
    }
}

/// Beats until the worker ends; marks its claims once a stop is asked for.
fn heart_beats(shared: &Shared, interval: Duration, stop: &AtomicBool, ended: &mpsc::Receiver<()>) {
    let step = interval.min(Duration::from_millis(100));
    let mut waited = Duration::ZERO;
    loop {
        match ended.recv_timeout(step) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            _ => return,
        }
        if stop.load(Ordering::Relaxed) {
            let claims = shared.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            claims.iter().for_each(|claim| mark_asked(claim));
        }
        waited += step;
        if waited >= interval {
            waited = Duration::ZERO;
            // A file system that is away for a while is no reason to end.
            let _ = shared.beat();
        }
    }
}

/// A name that no other worker has.
fn token(identity: &ProcessIdentity) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), count);
    format!("{:016x}", xxh3_64(format!("{identity:?} {now} {count} {seed}").as_bytes()))
}

/// True for the names that [`token`] gives.
fn is_token(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The content of a small JSON file.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    use std::io::Read;
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
