//! The Rust side of `benches/peers/segmentation.py`: commands on standard input, one a line with tabs between its parts, and
//! an answer each.
//!
//! - `write SERIES MASK TABLE OUTPUT FORM`: writes a mask as a DICOM segmentation of a series; FORM is `binary`, `labelmap`,
//!   `binary-full` (with empty frames) or `labelmap-short` (without). Answers with the number of frames.
//! - `read FILE MASK TABLE [SERIES]`: reads a segmentation, on the grid of a series if one is given, and writes mask and
//!   table. Answers with the number of references.
//! - `write-nrrd MASK TABLE OUTPUT` and `read-nrrd FILE MASK TABLE [last]`: the same with 3D Slicer's `.seg.nrrd`; `last`
//!   allows segments to overlap. Both answer with the number of segments.
//! - `segment FILE LABEL MASK`: reads one segment of either kind by its label value. Answers with its name.

use std::error::Error;
use std::io::{BufRead, Write};

use medseg_volume::dicom::segmentation::{self, Form, ReadOptions, WriteOptions};
use medseg_volume::dicom::{SeriesOptions, SourceSeries};
use medseg_volume::segments::{Overlap, SegNrrdOptions, SegmentChoice, SegmentTable, read_seg_nrrd, write_seg_nrrd};
use medseg_volume::{Volume, WriteOptions as VolumeOptions, error_chain, read_label_values, write_volume};

/// A mask of any label values from 0 to 65535.
fn labels(path: &str) -> Result<Volume<u16>, Box<dyn Error>> {
    let labels = read_label_values(path)?;
    let voxels: Result<Vec<u16>, _> = labels.data.iter().map(|label| u16::try_from(*label)).collect();
    Ok(Volume::new(ndarray::Array3::from_shape_vec(labels.data.dim(), voxels?)?, labels.geometry))
}

/// Reads one segment by its label value.
fn one(label: &str) -> Result<ReadOptions, Box<dyn Error>> {
    Ok(ReadOptions::default().with_segments(SegmentChoice::Labels(vec![label.parse()?])))
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let parts: Vec<&str> = line.split('\t').collect();
        let answer = answer(&parts).unwrap_or_else(|e| format!("error: {}", error_chain(&*e)));
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(parts: &[&str]) -> Result<String, Box<dyn Error>> {
    match parts {
        ["write", series, mask, table, output, form] => {
            let source = SourceSeries::read(series, &SeriesOptions::default())?;
            let mask = labels(mask)?;
            let options = match *form {
                "binary" => WriteOptions::default(),
                "binary-full" => WriteOptions::default().with_omit_empty_frames(false),
                "labelmap" => WriteOptions::default().with_form(Form::LabelMap),
                "labelmap-short" => WriteOptions::default().with_form(Form::LabelMap).with_omit_empty_frames(true),
                _ => return Err("unknown form".into()),
            };
            let written = segmentation::write(output, &mask, &SegmentTable::read_csv(table)?, &source, &options)?;
            Ok(written.frames.to_string())
        }
        ["read", file, mask, table, series @ ..] => {
            let mut options = ReadOptions::default();
            if let [series, ..] = series {
                options = options.with_grid_of(&SourceSeries::read(series, &SeriesOptions::default())?);
            }
            let found = segmentation::read(file, &options)?;
            write_volume(mask, &found.mask, &VolumeOptions::default().with_labels(true))?;
            found.table.write_csv(table)?;
            Ok(found.references.len().to_string())
        }
        ["write-nrrd", mask, table, output] => {
            let table = SegmentTable::read_csv(table)?;
            write_seg_nrrd(output, &labels(mask)?, &table)?;
            Ok(table.len().to_string())
        }
        ["read-nrrd", file, mask, table, overlap @ ..] => {
            let overlap = if overlap.is_empty() { Overlap::Refuse } else { Overlap::Last };
            let (found, segments) = read_seg_nrrd(file, &SegNrrdOptions::default().with_overlap(overlap))?;
            write_volume(mask, &found, &VolumeOptions::default().with_labels(true))?;
            segments.write_csv(table)?;
            Ok(segments.len().to_string())
        }
        ["segment", file, label, mask] if file.ends_with(".nrrd") => {
            let choice = SegmentChoice::Labels(vec![label.parse()?]);
            let (found, segments) = read_seg_nrrd(file, &SegNrrdOptions::default().with_segments(choice))?;
            write_volume(mask, &found, &VolumeOptions::default().with_labels(true))?;
            Ok(segments.segments()[0].name.clone())
        }
        ["segment", file, label, mask] => {
            let found = segmentation::read(file, &one(label)?)?;
            write_volume(mask, &found.mask, &VolumeOptions::default().with_labels(true))?;
            Ok(found.table.segments()[0].name.clone())
        }
        _ => Err("unknown command".into()),
    }
}
