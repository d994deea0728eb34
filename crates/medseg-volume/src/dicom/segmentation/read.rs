//! Reading a segmentation.

use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use ndarray::Array3;

use super::grid::{Placement, Planes};
use super::read_options::ReadOptions;
use super::segments::{self, Numbered};
use crate::dicom::charset::Charset;
use crate::dicom::codec::{StoredSlice, decode_stored, rle};
use crate::dicom::object::{self, Bounds, Object, PixelPlace};
use crate::dicom::pixels::{PixelSource, Pixels, Place, places};
use crate::dicom::series::VARYING;
use crate::dicom::start::{self, Start};
use crate::dicom::syntax::{Compression, Encoding};
use crate::dicom::vectors::Vector;
use crate::dicom::{DicomError, SeriesWarning};
use crate::segments::{Segment, SegmentTable, SegmentationError};
use crate::{Dhw, Geometry, MalformedKind, UnsupportedKind, Volume};

/// A segmentation that was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Segmentation {
    /// The label values; 0 is background.
    pub mask: Volume<u16>,
    /// The segments that were read.
    pub table: SegmentTable,
    /// SeriesInstanceUID of the series that the object refers to, if it says so.
    pub source_series_uid: Option<String>,
    /// The images that the object refers to.
    pub references: Vec<Reference>,
    /// FrameOfReferenceUID; may be empty.
    pub frame_of_reference_uid: String,
    /// Unusual but not wrong properties of the object's own grid.
    pub warnings: Vec<SeriesWarning>,
}

/// An image that a segmentation refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reference {
    /// Its SOPClassUID.
    pub class_uid: String,
    /// Its SOPInstanceUID.
    pub instance_uid: String,
}

/// Elements that are read beside those of segments.
const WANTED: [Tag; 30] = [
    tags::SOP_CLASS_UID,
    tags::FRAME_OF_REFERENCE_UID,
    tags::NUMBER_OF_FRAMES,
    tags::SAMPLES_PER_PIXEL,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::SEGMENTATION_TYPE,
    tags::MAXIMUM_FRACTIONAL_VALUE,
    tags::REFERENCED_SERIES_SEQUENCE,
    tags::SERIES_INSTANCE_UID,
    tags::REFERENCED_INSTANCE_SEQUENCE,
    tags::REFERENCED_SOP_CLASS_UID,
    tags::REFERENCED_SOP_INSTANCE_UID,
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PLANE_POSITION_SEQUENCE,
    tags::IMAGE_POSITION_PATIENT,
    tags::PLANE_ORIENTATION_SEQUENCE,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::PIXEL_MEASURES_SEQUENCE,
    tags::PIXEL_SPACING,
    tags::SLICE_THICKNESS,
    tags::SPACING_BETWEEN_SLICES,
    tags::SEGMENT_IDENTIFICATION_SEQUENCE,
    tags::REFERENCED_SEGMENT_NUMBER,
    tags::PIXEL_PADDING_VALUE,
];
/// Longest value that is read.
const LONGEST_VALUE: u64 = 1 << 13;
/// Memory for all elements.
const MEMORY: u64 = 1 << 30;

/// Reads a DICOM segmentation: BINARY, LABELMAP or FRACTIONAL, of any program.
///
/// Frames are put at their places; where there is none, the mask is background. The result has the object's own grid, from
/// its first frame to its last, or the one that the options give: then each frame must lie on it, with axes of any order
/// and direction. Label values are the segments' numbers (see the [module](crate::dicom::segmentation) for those that this crate wrote). A voxel
/// of a FRACTIONAL segmentation belongs to its segment from half of the largest value on.
///
/// # Errors
/// A file that is no segmentation, is damaged, or promises more than the limit; frames that make no grid, or do not lie on
/// the one that was asked for; segments that overlap ([`SegmentationError::Overlap`], by default) or are not there.
pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Segmentation, SegmentationError> {
    let path = path.as_ref();
    let start::Found::DataSet(mut start) = start::open(path)? else {
        return Err(DicomError::malformed(path, MalformedKind::Format, "no DICOM file with a data set").into());
    };
    let bounds = Bounds {
        wanted: &|tag| WANTED.contains(&tag) || segments::WANTED.contains(&tag),
        longest: LONGEST_VALUE,
        memory: MEMORY.min(options.max_bytes),
        encoding: start.syntax.encoding,
    };
    let (object, pixel_data) = object::read(&mut start.elements, bounds).map_err(|error| error.of_file(path))?;
    let file = Checked::of(path, &object)?;
    let pixel_data = pixel_data.ok_or(DicomError::Missing { path: path.into(), attribute: "PixelData" })?;
    let background = match file.kind {
        Kind::LabelMap => object.short(tags::PIXEL_PADDING_VALUE).unwrap_or(0),
        _ => 0,
    };
    let described = Described::of(path, &object, background, options)?;
    let planes = file.planes(&object)?;
    let target = Target::of(path, &planes, options)?;
    let mut reader = FrameReader::new(&file, &mut start, pixel_data, options)?;
    let mut labels = target.background(path, file.pixels.count(), options.max_bytes)?;
    let mut values = vec![0.0; file.pixels.count()];
    for frame in 0..file.groups.len() {
        let number = file.segment_number(&object, frame)?;
        let label = match number {
            Some(number) => match described.label(path, number)? {
                Some(label) => Some(label),
                // A segment that is not wanted.
                None => continue,
            },
            None => None,
        };
        reader.read(frame, &mut values)?;
        let place = target.places[frame];
        let threshold = reader.threshold;
        let painted = Frame { path, frame, values: &values, columns: file.columns, label, threshold, background };
        painted.paint(&place, &mut labels, &described, options)?;
    }
    let mut table = described.table;
    if file.kind == Kind::LabelMap {
        table = with_unnamed(table, &labels, options)?;
    }
    let geometry = target.geometry;
    let mask = Volume::new(labels, geometry);
    let mask = if target.resample { nearest(&mask, options) } else { mask };
    let series = object.item(tags::REFERENCED_SERIES_SEQUENCE);
    let uid = series.map(|series| series.text(tags::SERIES_INSTANCE_UID)).filter(|uid| !uid.is_empty());
    let images = object.items(tags::REFERENCED_SERIES_SEQUENCE).iter();
    let reference = |image: &Object| Reference {
        class_uid: image.text(tags::REFERENCED_SOP_CLASS_UID),
        instance_uid: image.text(tags::REFERENCED_SOP_INSTANCE_UID),
    };
    Ok(Segmentation {
        mask,
        table,
        source_series_uid: uid,
        references: images.flat_map(|s| s.items(tags::REFERENCED_INSTANCE_SEQUENCE)).map(reference).collect(),
        frame_of_reference_uid: object.text(tags::FRAME_OF_REFERENCE_UID),
        warnings: target.warnings,
    })
}

/// True for a DICOM segmentation by its SOPClassUID; false also for a file that cannot be read.
#[must_use]
pub fn is_segmentation(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    let Ok(start::Found::DataSet(mut start)) = start::open(path) else { return false };
    let encoding = start.syntax.encoding;
    let bounds = Bounds { wanted: &|tag| tag == tags::SOP_CLASS_UID, longest: 64, memory: 1 << 12, encoding };
    let class = object::read(&mut start.elements, bounds).map(|(object, _)| object.text(tags::SOP_CLASS_UID));
    class.is_ok_and(|class| CLASSES.contains(&class.as_str()))
}

/// SOP classes of segmentations.
const CLASSES: [&str; 2] = [uids::SEGMENTATION_STORAGE, uids::LABEL_MAP_SEGMENTATION_STORAGE];

/// Kinds of segmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Binary,
    Fractional { most: u16 },
    LabelMap,
}

/// An object's header, checked.
struct Checked<'a> {
    path: &'a Path,
    kind: Kind,
    rows: usize,
    columns: usize,
    pixels: Pixels,
    groups: &'a [Object],
}

impl<'a> Checked<'a> {
    fn of(path: &'a Path, object: &'a Object) -> Result<Self, DicomError> {
        let header = |reason: String| DicomError::header(path, reason);
        let unsupported = |kind, reason: String| DicomError::unsupported(path, kind, reason);
        let class = object.text(tags::SOP_CLASS_UID);
        if !CLASSES.contains(&class.as_str()) {
            let reason = format!("no DICOM segmentation: its SOPClassUID is {class:?}");
            return Err(unsupported(UnsupportedKind::Format, reason));
        }
        let kind = match object.text(tags::SEGMENTATION_TYPE).as_str() {
            "BINARY" => Kind::Binary,
            "LABELMAP" => Kind::LabelMap,
            "FRACTIONAL" => {
                let most = object.short(tags::MAXIMUM_FRACTIONAL_VALUE).filter(|most| *most > 0);
                let missing = DicomError::Missing { path: path.into(), attribute: "MaximumFractionalValue" };
                Kind::Fractional { most: most.ok_or(missing)? }
            }
            other => return Err(unsupported(UnsupportedKind::Format, format!("segmentations of type {other:?}"))),
        };
        let short = |tag, attribute| object.short(tag).ok_or(DicomError::Missing { path: path.into(), attribute });
        let (rows, columns) = (short(tags::ROWS, "Rows")?, short(tags::COLUMNS, "Columns")?);
        if rows == 0 || columns == 0 {
            return Err(header("Rows or Columns is 0".into()));
        }
        if object.short(tags::SAMPLES_PER_PIXEL).is_some_and(|samples| samples != 1) {
            return Err(unsupported(UnsupportedKind::Datatype, "segmentations in colour are not read".into()));
        }
        let allocated = short(tags::BITS_ALLOCATED, "BitsAllocated")?;
        let stored = object.short(tags::BITS_STORED).unwrap_or(allocated);
        let high_bit = object.short(tags::HIGH_BIT).unwrap_or(stored.saturating_sub(1));
        let single_bits = kind == Kind::Binary && allocated == 1;
        if !single_bits && ![8, 16].contains(&allocated) {
            return Err(unsupported(UnsupportedKind::Datatype, format!("segmentations of {allocated} bits a pixel")));
        }
        if stored == 0 || high_bit >= allocated || high_bit + 1 < stored {
            return Err(header("BitsStored and HighBit do not fit in BitsAllocated".into()));
        }
        let groups = object.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
        let [frames] = object.decimals(tags::NUMBER_OF_FRAMES).unwrap_or([1.0]);
        if groups.is_empty() || frames != groups.len() as f64 {
            let reason = format!("NumberOfFrames is {frames}, but {} frames have functional groups", groups.len());
            return Err(header(reason));
        }
        let pixels = Pixels { rows, columns, allocated, stored, high_bit, signed: false };
        Ok(Self { path, kind, rows: rows.into(), columns: columns.into(), pixels, groups })
    }

    /// A functional group of a frame, its own or the shared one.
    fn group<'b>(&'b self, object: &'b Object, frame: usize, sequence: Tag) -> Option<&'b Object> {
        let shared = || object.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).and_then(|groups| groups.item(sequence));
        self.groups[frame].item(sequence).or_else(shared)
    }

    /// The segment of a frame; none in a label map.
    fn segment_number(&self, object: &Object, frame: usize) -> Result<Option<u16>, DicomError> {
        if self.kind == Kind::LabelMap {
            return Ok(None);
        }
        let group = self.group(object, frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE);
        let number = group.and_then(|group| group.short(tags::REFERENCED_SEGMENT_NUMBER));
        let missing = || DicomError::Missing { path: self.path.into(), attribute: "ReferencedSegmentNumber" };
        number.map(Some).ok_or_else(missing)
    }

    /// The places of all frames.
    fn planes(&self, object: &Object) -> Result<Planes, DicomError> {
        let missing = |attribute| DicomError::Missing { path: self.path.into(), attribute };
        let mut positions = Vec::with_capacity(self.groups.len());
        let (mut orientation, mut spacing): (Option<[Vector; 2]>, Option<[f64; 2]>) = (None, None);
        let mut measures = None;
        for frame in 0..self.groups.len() {
            let position = self.group(object, frame, tags::PLANE_POSITION_SEQUENCE);
            let position = position.and_then(|group| group.decimals::<3>(tags::IMAGE_POSITION_PATIENT));
            positions.push(position.ok_or_else(|| missing("ImagePositionPatient"))?);
            let directions = self.group(object, frame, tags::PLANE_ORIENTATION_SEQUENCE);
            let directions = directions.and_then(|group| group.decimals::<6>(tags::IMAGE_ORIENTATION_PATIENT));
            let [a, b, c, d, e, f] = directions.ok_or_else(|| missing("ImageOrientationPatient"))?;
            let directions = [[a, b, c], [d, e, f]];
            let group = self.group(object, frame, tags::PIXEL_MEASURES_SEQUENCE);
            let distances = group.and_then(|group| group.decimals::<2>(tags::PIXEL_SPACING));
            let distances = distances.ok_or_else(|| missing("PixelSpacing"))?;
            let near = |a: &[f64], b: &[f64], most: f64| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= most);
            let known = *orientation.get_or_insert(directions);
            if !near(known.as_flattened(), directions.as_flattened(), VARYING) {
                return Err(DicomError::header(self.path, "its frames have several orientations"));
            }
            let known = *spacing.get_or_insert(distances);
            if !near(&known, &distances, VARYING * known[0].abs()) {
                return Err(DicomError::header(self.path, "its frames have several spacings"));
            }
            measures = measures.or(group);
        }
        let length = |tag| measures.and_then(|group: &Object| group.decimals::<1>(tag)).map(|[length]| length.abs());
        Ok(Planes {
            positions,
            orientation: orientation.ok_or_else(|| missing("ImageOrientationPatient"))?,
            spacing: spacing.ok_or_else(|| missing("PixelSpacing"))?,
            between: length(tags::SPACING_BETWEEN_SLICES),
            thickness: length(tags::SLICE_THICKNESS),
            rows: self.rows,
            columns: self.columns,
        })
    }
}

/// The segments of a file.
struct Described {
    /// By number.
    numbered: Vec<(u16, u16)>,
    /// The chosen segments.
    table: SegmentTable,
    /// All segments.
    all: SegmentTable,
}

impl Described {
    /// Reads the segments but for the background, which a label map describes too.
    fn of(path: &Path, object: &Object, background: u16, options: &ReadOptions) -> Result<Self, SegmentationError> {
        let charset = Charset::of(object);
        let number = |item: &&Object| item.short(tags::SEGMENT_NUMBER);
        let items = object.items(tags::SEGMENT_SEQUENCE).iter().filter(|item| number(item) != Some(background));
        if items.clone().any(|item| number(&item) == Some(0) && !segments::is_background(item)) {
            let reason = "a segment has the number 0, which stands for the background here";
            return Err(DicomError::unsupported(path, UnsupportedKind::Format, reason).into());
        }
        let mut found: Vec<Numbered> = items.filter_map(|item| segments::from_item(item, &charset)).collect();
        found.sort_by_key(|numbered| numbered.number);
        if found.windows(2).any(|pair| pair[0].number == pair[1].number) {
            return Err(DicomError::header(path, "two segments have one number").into());
        }
        let mut labels: Vec<u16> = found.iter().map(|numbered| numbered.segment.label).collect();
        labels.sort_unstable();
        labels.dedup();
        if labels.len() != found.len() {
            // Label values that contradict one another are none.
            found.iter_mut().for_each(|numbered| numbered.segment.label = numbered.number);
        }
        let numbered = found.iter().map(|numbered| (numbered.number, numbered.segment.label)).collect();
        let all = SegmentTable::new(found.into_iter().map(|numbered| numbered.segment).collect())?;
        if let Some(wanted) = options.segments.missing(&all) {
            let known = all.segments().iter().map(|segment| format!("{} {:?}", segment.label, segment.name)).collect();
            return Err(SegmentationError::UnknownSegment { path: path.into(), wanted, known });
        }
        let chosen = all.segments().iter().filter(|segment| options.segments.takes(segment)).cloned().collect();
        Ok(Self { numbered, table: SegmentTable::new(chosen)?, all })
    }

    /// The label value of a segment's number; none if the segment is not wanted.
    fn label(&self, path: &Path, number: u16) -> Result<Option<u16>, DicomError> {
        let at = self.numbered.binary_search_by_key(&number, |(number, _)| *number);
        let undescribed = |_| DicomError::header(path, format!("a frame of segment {number}, which is not described"));
        let (_, label) = self.numbered[at.map_err(undescribed)?];
        Ok(Some(label).filter(|label| self.table.get(*label).is_some()))
    }

    fn name(&self, label: u16) -> String {
        self.all.get(label).map_or_else(|| label.to_string(), |segment| segment.name.clone())
    }
}

/// A label map may have values that it does not describe; they get a segment without a name of their own.
fn with_unnamed(
    table: SegmentTable,
    labels: &Array3<u16>,
    options: &ReadOptions,
) -> Result<SegmentTable, SegmentationError> {
    if options.segments != crate::segments::SegmentChoice::All {
        return Ok(table);
    }
    let mut seen = vec![false; 1 << 16];
    labels.iter().for_each(|label| seen[usize::from(*label)] = true);
    let unnamed = (1..=u16::MAX).filter(|label| seen[usize::from(*label)] && table.get(*label).is_none());
    let unnamed: Vec<Segment> = unnamed.map(|label| Segment::new(label, format!("Segment {label}"))).collect();
    Ok(SegmentTable::new(table.segments().iter().cloned().chain(unnamed).collect())?)
}

/// The grid that frames are put on.
struct Target {
    shape: Dhw<usize>,
    geometry: Geometry,
    places: Vec<Placement>,
    /// The result is taken from this grid by nearest voxels.
    resample: bool,
    warnings: Vec<SeriesWarning>,
}

impl Target {
    fn of(path: &Path, planes: &Planes, options: &ReadOptions) -> Result<Self, SegmentationError> {
        if let Some((shape, geometry)) = &options.grid {
            let placed = planes.placements(path, geometry)?;
            let lost = placed.iter().position(Option::is_none);
            match lost {
                None => {
                    let places = placed.into_iter().flatten().collect();
                    let (shape, geometry) = (*shape, geometry.clone());
                    return Ok(Self { shape, geometry, places, resample: false, warnings: Vec::new() });
                }
                Some(frame) if !options.nearest => {
                    return Err(SegmentationError::FrameOffGrid { path: path.into(), frame: frame + 1 });
                }
                Some(_) => {}
            }
        }
        let own = planes.own_grid(path)?;
        let place =
            |slice: &usize| Placement { start: [*slice as isize, 0, 0], per_row: [0, 1, 0], per_column: [0, 0, 1] };
        Ok(Self {
            shape: own.shape,
            geometry: own.geometry,
            places: own.slices.iter().map(place).collect(),
            resample: options.grid.is_some(),
            warnings: own.warnings,
        })
    }

    /// Voxels of 0, if they and a frame's values are within the limit.
    fn background(&self, path: &Path, plane: usize, limit: u64) -> Result<Array3<u16>, DicomError> {
        let needed = (self.shape.voxels() as u64).saturating_mul(2).saturating_add(4 * plane as u64);
        if needed > limit {
            return Err(DicomError::limit(path, needed, limit));
        }
        let refused = || DicomError::limit(path, needed, limit);
        // Refused instead of aborted where the system has no such memory; nothing is touched yet.
        Vec::<u8>::new().try_reserve_exact(needed as usize).map_err(|_| refused())?;
        let Dhw { d, h, w } = self.shape;
        Ok(Array3::zeros((d, h, w)))
    }
}

/// Reads the stored values of frames one after the other.
struct FrameReader<'a> {
    path: &'a Path,
    pixels: Pixels,
    syntax: crate::dicom::syntax::Syntax,
    limit: u64,
    stored: StoredFrames,
    /// The least value of a voxel that belongs to a segment.
    threshold: f32,
}

/// The place of the frames' values.
enum StoredFrames {
    /// Single bits of all frames, without padding between them.
    Bits(Vec<u8>),
    Places(Vec<PixelSource>),
}

impl<'a> FrameReader<'a> {
    fn new(
        file: &Checked<'a>,
        start: &mut Start,
        (at, length): PixelPlace,
        options: &ReadOptions,
    ) -> Result<Self, DicomError> {
        let (path, pixels, frames) = (file.path, file.pixels, file.groups.len());
        let syntax = start.syntax.clone();
        let stored = if pixels.allocated == 1 {
            // In big endian single bits come in words whose bytes writers swap, or not.
            if syntax.compression != Compression::None || syntax.encoding == Encoding::ExplicitBig {
                let reason = format!("single bits in the transfer syntax {} are not read", syntax.name);
                return Err(DicomError::unsupported(path, UnsupportedKind::Compression, reason));
            }
            let needed = (frames as u64).saturating_mul(pixels.count() as u64).div_ceil(8);
            let length = length.unwrap_or(0);
            if length < needed {
                let reason = format!("PixelData has {length} bytes, {frames} frames take {needed}");
                return Err(DicomError::header(path, reason));
            }
            let place = Place::Native(at, needed);
            let bytes = PixelSource { source: start.source.clone(), place }.read(path, options.max_bytes)?;
            StoredFrames::Bits(bytes)
        } else {
            let places = places(path, start, &pixels, (at, length), frames)?;
            let needed = (pixels.count() * pixels.width()) as u64;
            let short = |place: &PixelSource| rle::longest(place.length()) < needed;
            if syntax.compression == Compression::Rle && places.iter().any(short) {
                return Err(DicomError::header(path, "an RLE frame is too short for its pixels"));
            }
            StoredFrames::Places(places)
        };
        let threshold = match file.kind {
            Kind::Fractional { most } => (options.fraction * f64::from(most)) as f32,
            _ => 1.0,
        };
        let threshold = if threshold > 0.0 { threshold } else { f32::MIN_POSITIVE };
        Ok(Self { path, pixels, syntax, limit: options.max_bytes, stored, threshold })
    }

    /// Reads a frame into `values`, which has a place for each pixel.
    fn read(&mut self, frame: usize, values: &mut [f32]) -> Result<(), DicomError> {
        match &self.stored {
            StoredFrames::Bits(bytes) => {
                let first = frame * values.len();
                for (n, value) in values.iter_mut().enumerate() {
                    let bit = first + n;
                    *value = f32::from(bytes[bit / 8] >> (bit % 8) & 1);
                }
                Ok(())
            }
            StoredFrames::Places(places) => {
                let slice =
                    StoredSlice { path: self.path, syntax: &self.syntax, pixels: &self.pixels, source: &places[frame] };
                decode_stored(slice, self.limit, values)
            }
        }
    }
}

/// The values of a frame on their way to a grid.
struct Frame<'a> {
    path: &'a Path,
    frame: usize,
    values: &'a [f32],
    columns: usize,
    /// The label value of the frame's segment; none if the values are label values themselves.
    label: Option<u16>,
    threshold: f32,
    /// The label value that stands for no segment, beside 0.
    background: u16,
}

impl Frame<'_> {
    fn paint(
        &self,
        place: &Placement,
        labels: &mut Array3<u16>,
        described: &Described,
        options: &ReadOptions,
    ) -> Result<(), SegmentationError> {
        let chosen = |label: u16| {
            let all = options.segments == crate::segments::SegmentChoice::All;
            all || described.table.get(label).is_some()
        };
        for (row, values) in (0_isize..).zip(self.values.chunks_exact(self.columns)) {
            for (column, value) in (0_isize..).zip(values) {
                if *value < self.threshold {
                    continue;
                }
                let label = self.label.unwrap_or(*value as u16);
                if self.label.is_none() && (label == self.background || !chosen(label)) {
                    continue;
                }
                let at: [isize; 3] = std::array::from_fn(|axis| {
                    place.start[axis] + row * place.per_row[axis] + column * place.per_column[axis]
                });
                let index = at.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
                let Some(voxel) = labels.get_mut(index) else {
                    return Err(SegmentationError::OutsideGrid {
                        path: self.path.into(),
                        segment: described.name(label),
                        frame: self.frame + 1,
                    });
                };
                options.overlap.paint(voxel, label).map_err(|other| SegmentationError::Overlap {
                    path: self.path.into(),
                    first: described.name(other),
                    second: described.name(label),
                    voxel: index.into(),
                })?;
            }
        }
        Ok(())
    }
}

/// The mask on the grid of the options, each voxel with the label of the nearest one.
fn nearest(mask: &Volume<u16>, options: &ReadOptions) -> Volume<u16> {
    let Some((shape, geometry)) = &options.grid else { return mask.clone() };
    let Dhw { d, h, w } = *shape;
    let label = |(d, h, w): (usize, usize, usize)| {
        let world = geometry.voxel_to_world(Dhw { d: d as f64, h: h as f64, w: w as f64 });
        let voxel = mask.geometry.world_to_voxel(world).to_array().map(f64::round);
        let inside = voxel.iter().all(|n| *n >= 0.0);
        inside.then(|| mask.data.get(voxel.map(|n| n as usize)).copied()).flatten().unwrap_or(0)
    };
    Volume::new(Array3::from_shape_fn((d, h, w), label), geometry.clone())
}
