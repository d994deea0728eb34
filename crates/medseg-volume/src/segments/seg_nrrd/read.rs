//! Reading a `.seg.nrrd` file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ndarray::{Array3, Array4, Axis};

use super::terminology;
use crate::file::{Source, StoredVoxels};
use crate::segments::{Overlap, Segment, SegmentChoice, SegmentTable, SegmentationError, text};
use crate::{MalformedKind, ReadOptions, UnsupportedKind, Volume, VolumeError, VolumeFile, nrrd};

/// Most segments of a file.
const MOST_SEGMENTS: usize = 65535;

/// The segments and limits of reading a `.seg.nrrd` file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegNrrdOptions {
    /// The segments that are read.
    pub segments: SegmentChoice,
    /// The label value of voxels that several segments claim.
    pub overlap: Overlap,
    /// Largest array in bytes, all layers together; 16 GiB by default.
    pub max_bytes: u64,
}

impl Default for SegNrrdOptions {
    fn default() -> Self {
        Self { segments: SegmentChoice::All, overlap: Overlap::Refuse, max_bytes: 16 << 30 }
    }
}

impl SegNrrdOptions {
    /// Chooses segments.
    #[must_use]
    pub fn with_segments(mut self, segments: SegmentChoice) -> Self {
        self.segments = segments;
        self
    }

    /// Sets the label value of voxels that several segments claim.
    #[must_use]
    pub fn with_overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Sets the largest array in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

/// A segment with its place in the file.
struct Stored {
    segment: Segment,
    layer: usize,
    /// The label value in its layer.
    value: u16,
}

/// Reads a mask of 3D Slicer with its segments, in one layer or several.
///
/// Label values are those of the file where each segment has another one; else, as they may repeat in another layer, the
/// segments are numbered 1, 2, 3 … in the file's order. Voxels of no described segment become 0.
///
/// # Errors
/// As [`VolumeFile::open`]; a file whose header describes no segment, or voxels that are no whole numbers of u16; segments
/// that overlap ([`SegmentationError::Overlap`], by default) or are not there.
pub fn read_seg_nrrd(
    path: impl AsRef<Path>,
    options: &SegNrrdOptions,
) -> Result<(Volume<u16>, SegmentTable), SegmentationError> {
    let path = path.as_ref();
    let keys: BTreeMap<String, String> = nrrd::key_values(&Source::path(path))?.into_iter().collect();
    let file = VolumeFile::open(path)?;
    let layers = file.info().channels;
    let mut stored = segments(path, &keys, layers)?;
    let mut labels: Vec<u16> = stored.iter().map(|stored| stored.value).collect();
    labels.sort_unstable();
    labels.dedup();
    let unique = labels.len() == stored.len();
    for (number, stored) in (1..).zip(&mut stored) {
        stored.segment.label = if unique { stored.value } else { number };
    }
    let all = SegmentTable::new(stored.iter().map(|stored| stored.segment.clone()).collect())?;
    if let Some(wanted) = options.segments.missing(&all) {
        let known = all.segments().iter().map(|segment| format!("{} {:?}", segment.label, segment.name)).collect();
        return Err(SegmentationError::UnknownSegment { path: path.into(), wanted, known });
    }
    stored.retain(|stored| options.segments.takes(&stored.segment));
    let (values, geometry) = file.stored(&ReadOptions::default().with_max_bytes(options.max_bytes))?;
    let values = whole(path, values)?;
    let (_, d, h, w) = values.dim();
    let mut mask = Array3::<u16>::zeros((d, h, w));
    // The label of each value in a layer; 0 for those of no segment.
    let mut table = vec![0_u16; 1 << 16];
    let mut by_layer: Vec<&Stored> = stored.iter().collect();
    by_layer.sort_by_key(|stored| stored.layer);
    for own in by_layer.chunk_by(|a, b| a.layer == b.layer) {
        own.iter().for_each(|stored| table[usize::from(stored.value)] = stored.segment.label);
        let values = values.index_axis(Axis(0), own[0].layer);
        for ((at, value), voxel) in values.indexed_iter().zip(mask.iter_mut()) {
            let label = table[usize::from(*value)];
            if label == 0 {
                continue;
            }
            options.overlap.paint(voxel, label).map_err(|other| {
                let name = |label: u16| all.get(label).map_or_else(String::new, |segment| segment.name.clone());
                SegmentationError::Overlap {
                    path: path.into(),
                    first: name(other),
                    second: name(label),
                    voxel: at.into(),
                }
            })?;
        }
        own.iter().for_each(|stored| table[usize::from(stored.value)] = 0);
    }
    let table = SegmentTable::new(stored.into_iter().map(|stored| stored.segment).collect())?;
    Ok((Volume::new(mask, geometry), table))
}

/// The segments that a header describes.
fn segments(path: &Path, keys: &BTreeMap<String, String>, layers: usize) -> Result<Vec<Stored>, VolumeError> {
    let bad = |reason: String| VolumeError::malformed(path, MalformedKind::Header, reason);
    let (mut found, mut taken) = (Vec::new(), BTreeSet::new());
    for n in 0..MOST_SEGMENTS {
        let get = |key: &str| keys.get(&format!("Segment{n}_{key}")).map(String::as_str);
        let (id, name) = (get("ID"), get("Name"));
        if id.is_none() && name.is_none() {
            break;
        }
        let number = |key: &str, other: usize| match get(key) {
            Some(text) => text.trim().parse::<usize>().map_err(|_| bad(format!("Segment{n}_{key} is no number"))),
            None => Ok(other),
        };
        // Files of before layers have each segment in a channel of its own, as 1.
        let layer = number("Layer", if layers > 1 { n } else { 0 })?;
        let value = u16::try_from(number("LabelValue", 1)?).ok().filter(|value| *value > 0);
        let value = value.ok_or_else(|| bad(format!("Segment{n}_LabelValue is not from 1 to 65535")))?;
        if layer >= layers {
            return Err(bad(format!("Segment{n}_Layer is {layer}, but there are {layers} layers")));
        }
        if !taken.insert((layer, value)) {
            return Err(bad(format!("Segment{n} has the layer and the label value of another segment")));
        }
        let label = text::fitted(name.or(id).unwrap_or_default(), text::LONG);
        let mut segment = Segment::new(value, if label.is_empty() { format!("Segment {}", n + 1) } else { label });
        if let Some(tags) = get("Tags") {
            terminology::apply(tags, &mut segment);
        }
        let colour = get("Color").map(|text| text.split_whitespace().map(str::parse).collect::<Vec<Result<f64, _>>>());
        if let Some([Ok(red), Ok(green), Ok(blue)]) = colour.as_deref() {
            segment.colour = [red, green, blue].map(|level| (255.0 * level).round().clamp(0.0, 255.0) as u8);
        }
        found.push(Stored { segment, layer, value });
    }
    if found.is_empty() {
        let reason = "its header describes no segment (Segment0_ID)";
        return Err(VolumeError::unsupported(path, UnsupportedKind::Format, reason));
    }
    Ok(found)
}

/// Stored values as label values.
fn whole(path: &Path, values: StoredVoxels) -> Result<Array4<u16>, VolumeError> {
    fn convert<T: Copy + TryInto<u16>>(values: &Array4<T>) -> Option<Array4<u16>> {
        let numbers: Option<Vec<u16>> = values.iter().map(|value| (*value).try_into().ok()).collect();
        Array4::from_shape_vec(values.dim(), numbers?).ok()
    }
    let converted = match values {
        StoredVoxels::U8(values) => Some(values.mapv(u16::from)),
        StoredVoxels::U16(values) => Some(values),
        StoredVoxels::I8(values) => convert(&values),
        StoredVoxels::I16(values) => convert(&values),
        StoredVoxels::U32(values) => convert(&values),
        StoredVoxels::I32(values) => convert(&values),
        StoredVoxels::U64(values) => convert(&values),
        StoredVoxels::I64(values) => convert(&values),
        StoredVoxels::F32(_) | StoredVoxels::F64(_) => None,
    };
    converted.ok_or_else(|| {
        let reason = "its voxels are not whole numbers from 0 to 65535";
        VolumeError::unsupported(path, UnsupportedKind::Datatype, reason)
    })
}
