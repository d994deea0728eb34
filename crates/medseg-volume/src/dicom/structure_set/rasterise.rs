//! From contours to a mask.

use std::collections::BTreeMap;

use ndarray::Array3;

use super::planes::{assign, parallel_axis};
use super::{Roi, SharedVoxels, StructureSet, StructureSetError, StructureSetWarning};
use crate::contours::{PathRule, PlaneFill};
use crate::dicom::SourceSeries;
use crate::segments::{AlgorithmKind, Code, Overlap, Segment, SegmentTable, SegmentationError, text};
use crate::{Dhw, Geometry, Volume};

/// The regions that become a mask, and the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RasteriseOptions {
    /// Names of the regions, in order; `None` for all that have closed contours.
    pub rois: Option<Vec<String>>,
    /// The side to which the paths of contours belong.
    pub path: PathRule,
    /// The label value of voxels that several regions share.
    pub overlap: Overlap,
    /// Largest mask in bytes, refused before memory is taken.
    pub max_bytes: u64,
}

impl Default for RasteriseOptions {
    /// All regions, paths inside, no overlap, 16 GiB.
    fn default() -> Self {
        Self { rois: None, path: PathRule::default(), overlap: Overlap::default(), max_bytes: 16 << 30 }
    }
}

impl RasteriseOptions {
    /// Chooses regions by their names, in this order.
    #[must_use]
    pub fn with_rois<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.rois = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the side to which the paths of contours belong.
    #[must_use]
    pub fn with_path(mut self, path: PathRule) -> Self {
        self.path = path;
        self
    }

    /// Sets the label value of voxels that several regions share.
    #[must_use]
    pub fn with_overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Sets the largest mask in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

/// A mask of regions, and the meaning of its label values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RoiMask {
    /// Label values on the grid; 0 outside all regions.
    pub mask: Volume<u16>,
    /// The regions as segments.
    pub segments: SegmentTable,
    /// Oddities of the regions and their contours.
    pub warnings: Vec<StructureSetWarning>,
}

impl StructureSet {
    /// Makes a mask of regions on the grid of a series, in whose frame of reference the contours must lie.
    ///
    /// # Errors
    /// [`StructureSetError::OtherFrameOfReference`] if both files name one and they differ; else as
    /// [`rasterise`](Self::rasterise).
    pub fn rasterise_on_series(
        &self,
        source: &SourceSeries,
        options: &RasteriseOptions,
    ) -> Result<RoiMask, StructureSetError> {
        let (own, series) = (&self.frame_of_reference, source.frame_of_reference_uid());
        if !own.is_empty() && own != series {
            let (structure_set, series) = (own.clone(), series.to_string());
            return Err(StructureSetError::OtherFrameOfReference { structure_set, series });
        }
        self.rasterise(source.geometry(), source.shape(), options)
    }

    /// Makes a mask of regions on a grid of `shape` voxels `[depth, height, width]`, such as that of the series that the
    /// contours were drawn on. The [module](super) states the rules.
    ///
    /// A region's label value is its number, if all numbers are from 1 to 65535; or else its place among them, from 1.
    ///
    /// # Errors
    /// A name of `options` that no region or several have; no closed contour at all; a grid without slices parallel to
    /// the contours; regions that overlap, unless `options` allow it; a mask beyond `max_bytes`.
    pub fn rasterise(
        &self,
        geometry: &Geometry,
        shape: Dhw<usize>,
        options: &RasteriseOptions,
    ) -> Result<RoiMask, StructureSetError> {
        let rois: Vec<&Roi> = match &options.rois {
            Some(names) => names.iter().map(|name| self.roi(name)).collect::<Result<_, _>>()?,
            None => self.rois.iter().filter(|roi| !roi.contours.is_empty()).collect(),
        };
        if rois.iter().all(|roi| roi.contours.is_empty()) {
            return Err(StructureSetError::NoContours);
        }
        let labels = labels(&rois)?;
        let axis =
            parallel_axis(&rois, geometry).map_err(|(roi, steps)| StructureSetError::NotParallel { roi, steps })?;
        let mut data = zeros(shape, options.max_bytes)?;
        let (slices, plane) = axis.split(shape);
        let mut fill = PlaneFill::new(plane, options.path);
        let mut warnings: Vec<StructureSetWarning> = self.warnings.clone();
        let mut shared: BTreeMap<(u16, u16), usize> = BTreeMap::new();
        for (roi, &label) in rois.iter().zip(&labels) {
            for contours in assign(roi, geometry, axis, slices, &mut warnings) {
                contours.contours.iter().for_each(|contour| fill.add(contour));
                fill.finish(|row, columns| {
                    for column in columns {
                        let voxel = &mut data[axis.index(contours.slice, row, column)];
                        if let Err(other) = options.overlap.paint(voxel, label) {
                            *shared.entry((other, label)).or_insert(0) += 1;
                        }
                    }
                });
            }
        }
        if !shared.is_empty() {
            let name = |label| {
                let place = labels.iter().position(|other| *other == label);
                place.map(|place| rois[place].name.clone()).unwrap_or_default()
            };
            let overlap = |((first, second), voxels)| SharedVoxels { first: name(first), second: name(second), voxels };
            return Err(StructureSetError::Overlap(shared.into_iter().map(overlap).collect()));
        }
        let mut segments: Vec<Segment> = rois.iter().zip(labels).map(|(roi, label)| roi.segment(label)).collect();
        segments.sort_by_key(|segment| segment.label);
        segments.dedup_by_key(|segment| segment.label);
        let segments = SegmentTable::new(segments).map_err(SegmentationError::from)?;
        Ok(RoiMask { mask: Volume::new(data, geometry.clone()), segments, warnings })
    }
}

/// The label values of regions; equal for a region that occurs twice.
fn labels(rois: &[&Roi]) -> Result<Vec<u16>, StructureSetError> {
    let numbers = rois.iter().map(|roi| u16::try_from(roi.number).ok().filter(|number| *number > 0));
    if let Some(numbers) = numbers.collect::<Option<Vec<u16>>>() {
        return Ok(numbers);
    }
    let mut places: BTreeMap<i32, u16> = BTreeMap::new();
    let many = || StructureSetError::ManyRois(rois.len());
    for roi in rois {
        let next = u16::try_from(places.len() + 1).map_err(|_| many())?;
        places.entry(roi.number).or_insert(next);
    }
    Ok(rois.iter().map(|roi| places[&roi.number]).collect())
}

fn zeros(shape: Dhw<usize>, limit: u64) -> Result<Array3<u16>, StructureSetError> {
    let needed = (shape.voxels() as u64).saturating_mul(2);
    let refused = || StructureSetError::Memory { needed, limit };
    if needed > limit {
        return Err(refused());
    }
    let mut values = Vec::new();
    values.try_reserve_exact(shape.voxels()).map_err(|_| refused())?;
    values.resize(shape.voxels(), 0);
    Array3::from_shape_vec((shape.d, shape.h, shape.w), values).map_err(|_| refused())
}

impl Roi {
    /// The region as a segment of a mask, with the codes of its name where it has none of its own.
    #[must_use]
    pub fn segment(&self, label: u16) -> Segment {
        let fitted = text::fitted(&self.name, text::LONG);
        let name = if fitted.is_empty() { format!("ROI {}", self.number) } else { fitted };
        let mut segment = Segment::new(label, name);
        if let (Some(category), Some(property_type)) = (&self.category, &self.property_type) {
            let fits = |code: &Code| code.check("the code").is_ok();
            if fits(category) && fits(property_type) {
                segment = segment.with_codes(category.clone(), property_type.clone());
                segment.modifier = self.modifier.clone().filter(fits);
            }
        }
        segment.colour = self.colour.unwrap_or(segment.colour);
        segment.algorithm = self.algorithm.unwrap_or(AlgorithmKind::Manual);
        segment
    }
}
