//! The format before PyTorch 1.6: five pickles, then each storage's number of values and its bytes.
//!
//! The pickles are a magic number, a version, the computer's sizes, the saved object, and the storages' keys.

use std::collections::BTreeMap;

use crate::element::Element;
use crate::pickle::{LARGEST_PICKLE, Pickle, PickleProblem, Value};
use crate::rebuild::LONGEST_KEY;
use crate::source::Source;
use crate::{TorchError, TorchProblem};

/// The pickle of the magic number in protocol 2 and later, after the protocol.
const MAGIC: [u8; 12] = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The same in protocols 0 and 1.
const MAGIC_TEXT: &[u8] = b"L119547037146038801333356L\n";
/// Bytes at the start in which the magic number lies: later protocols put a frame before it.
pub(crate) const HEAD: u64 = 32;
/// The only version there was.
const VERSION: i64 = 1001;
/// Bytes of the file that are searched for the pickles at first.
const FIRST_WINDOW: u64 = 1 << 20;

/// True for the first bytes of a file of this format.
pub(crate) fn is_legacy(head: &[u8]) -> bool {
    let binary = head.first() == Some(&0x80) && head.windows(MAGIC.len()).any(|bytes| bytes == MAGIC);
    binary || head.starts_with(MAGIC_TEXT)
}

/// The storages of a file.
#[derive(Debug)]
pub(crate) struct LegacyStorages {
    source: Source,
    places: BTreeMap<String, Place>,
}

/// A storage's bytes in the file.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u64,
    bytes: u64,
}

impl LegacyStorages {
    /// Reads the pickles of a file and finds its storages.
    pub(crate) fn open(source: Source) -> Result<(Self, Pickle), TorchError> {
        let [_, version, system, object, keys] = pickles(&source)?;
        if version.pickle.result() != Value::Int(VERSION) {
            return Err(source.error(TorchProblem::LegacyVersion));
        }
        match system.pickle.get(system.pickle.result(), "little_endian") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err(source.error(TorchProblem::BigEndian)),
            _ => return Err(source.error(TorchProblem::DamagedLegacy { part: "its byte order is not described" })),
        }
        let places = places(&source, &object.pickle, &keys)?;
        Ok((Self { source, places }, object.pickle))
    }

    /// The file.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    fn place(&self, key: &str) -> Result<Place, TorchProblem> {
        let missing = || TorchProblem::Storage { key: message(key), fault: "the file lacks it" };
        self.places.get(key).copied().ok_or_else(missing)
    }

    /// Size of a storage in bytes.
    pub(crate) fn bytes(&self, key: &str) -> Result<u64, TorchProblem> {
        self.place(key).map(|place| place.bytes)
    }

    /// Reads `bytes` bytes of a storage from `start` on.
    pub(crate) fn read(&self, key: &str, start: u64, bytes: u64) -> Result<Vec<u8>, TorchError> {
        let place = self.place(key).map_err(|problem| self.source.error(problem))?;
        let inside = start.checked_add(bytes).is_some_and(|end| end <= place.bytes);
        let read = if inside { self.source.read(place.start + start, bytes)? } else { None };
        let outside = || TorchProblem::Storage { key: message(key), fault: "it ends early" };
        read.ok_or_else(|| self.source.error(outside()))
    }
}

/// A pickle and its end in the file.
struct Placed {
    pickle: Pickle,
    end: usize,
}

/// Reads the five pickles. Their length is not stored, so more and more of the file is taken until they end.
fn pickles(source: &Source) -> Result<[Placed; 5], TorchError> {
    let most = source.length().min(LARGEST_PICKLE);
    let mut window = FIRST_WINDOW.min(most);
    loop {
        let bytes = source.read(0, window)?.unwrap_or_default();
        match parse(&bytes) {
            Ok(pickles) => return Ok(pickles),
            Err((_, PickleProblem::Ends)) if window < most => window = window.saturating_mul(4).min(most),
            Err((position, problem)) => return Err(source.error(TorchProblem::Pickle { position, problem })),
        }
    }
}

/// Reads five pickles, one after the other. An error comes with its position in the file.
fn parse(bytes: &[u8]) -> Result<[Placed; 5], (usize, PickleProblem)> {
    let mut end = 0;
    let mut next = || {
        let rest = bytes.get(end..).unwrap_or_default();
        let pickle = Pickle::parse(rest).map_err(|(position, problem)| (end + position, problem))?;
        end += pickle.length();
        Ok(Placed { pickle, end })
    };
    Ok([next()?, next()?, next()?, next()?, next()?])
}

/// The places of all storages, which lie in the order of their keys.
fn places(source: &Source, object: &Pickle, keys: &Placed) -> Result<BTreeMap<String, Place>, TorchError> {
    let sizes = sizes(object);
    let damaged = |part| source.error(TorchProblem::DamagedLegacy { part });
    let list = keys.pickle.sequence(keys.pickle.result()).ok_or_else(|| damaged("its storages have no keys"))?;
    let mut position = keys.end as u64;
    let mut places = BTreeMap::new();
    for key in list {
        let key = keys.pickle.text(*key).filter(|key| key.len() <= LONGEST_KEY);
        let key = key.ok_or_else(|| damaged("a storage's key is no short text"))?;
        let fault = |fault| source.error(TorchProblem::Storage { key: message(key), fault });
        let (values, bytes) = sizes.get(key).ok_or_else(|| fault("no tensor describes it"))?.map_err(fault)?;
        let count = source.read(position, 8)?.ok_or_else(|| fault("it ends early"))?;
        if count != values.to_le_bytes() {
            return Err(fault("its size in the file is not the described one"));
        }
        let start = position + 8;
        let end = start.checked_add(bytes).filter(|end| *end <= source.length());
        position = end.ok_or_else(|| fault("it ends early"))?;
        if places.insert(key.to_owned(), Place { start, bytes }).is_some() {
            return Err(fault("two storages have its key"));
        }
    }
    Ok(places)
}

/// Number of values and bytes of each storage, or the reason why they are unknown, by key.
type Sizes<'a> = BTreeMap<&'a str, Result<(u64, u64), &'static str>>;

/// Sizes of all storages that tensors describe.
fn sizes(object: &Pickle) -> Sizes<'_> {
    let mut sizes = Sizes::new();
    for description in object.persistents() {
        // A class of a module has a description of another kind.
        let Some([kind, class, key, _, values, ..]) = object.sequence(description) else { continue };
        let Some(key) = object.text(*key).filter(|_| object.text(*kind) == Some("storage")) else { continue };
        let size = size(object, *class, *values);
        let first = *sizes.entry(key).or_insert(size);
        // PyTorch takes the first; another size of the same storage is a contradiction.
        if first.map(|(_, bytes)| bytes) != size.map(|(_, bytes)| bytes) {
            sizes.insert(key, Err("two tensors describe it differently"));
        }
    }
    sizes
}

/// Number of values and bytes of a storage.
fn size(object: &Pickle, class: Value, values: Value) -> Result<(u64, u64), &'static str> {
    let element = object.global(class).map(|(_, name)| Element::of(name));
    let element = element.and_then(|element| element.stored_bytes()).ok_or("the size of its numbers is unknown")?;
    let Value::Int(values) = values else { return Err("its size is no number") };
    let values = u64::try_from(values).map_err(|_| "its size is negative")?;
    let bytes = values.checked_mul(element).ok_or("its size overflows")?;
    Ok((values, bytes))
}

/// A key as it is shown in a message.
fn message(key: &str) -> String {
    key.escape_debug().collect()
}
