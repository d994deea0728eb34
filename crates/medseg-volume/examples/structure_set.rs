//! Masks as RT structure sets and back: the other side of benches/peers/structure_set.py.
//!
//! ```sh
//! cargo run -p medseg-volume --features dicom --example structure_set -- write SCAN MASK.nii.gz OUT.dcm [xor]
//! cargo run -p medseg-volume --features dicom --example structure_set -- read SCAN RTSTRUCT.dcm OUT.nii.gz
//! ```

use std::collections::BTreeSet;
use std::error::Error;

use medseg_volume::contours::Holes;
use medseg_volume::dicom::structure_set::{self, RasteriseOptions, WriteOptions};
use medseg_volume::dicom::{SeriesOptions, SourceSeries};
use medseg_volume::segments::SegmentTable;
use medseg_volume::{read_label, write_label};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", scan, mask, out] => write(scan, mask, out, Holes::Keyhole),
        ["write", scan, mask, out, "xor"] => write(scan, mask, out, Holes::ExclusiveOr),
        ["read", scan, file, out] => read(scan, file, out),
        _ => Err("usage: structure_set write SCAN MASK OUT [xor] | structure_set read SCAN RTSTRUCT OUT".into()),
    }
}

fn write(scan: &str, mask: &str, out: &str, holes: Holes) -> Result<(), Box<dyn Error>> {
    let source = SourceSeries::read(scan, &SeriesOptions::default())?;
    let mask = read_label(mask)?;
    let labels: BTreeSet<u8> = mask.data.iter().copied().filter(|label| *label > 0).collect();
    let names = labels.into_iter().map(|label| (u16::from(label), format!("label {label}")));
    let options = WriteOptions::default().with_holes(holes);
    let written = structure_set::write(out, &mask, &SegmentTable::from_names(names)?, &source, &options)?;
    println!("{:?} contours, {} points", written.contours, written.points);
    Ok(())
}

fn read(scan: &str, file: &str, out: &str) -> Result<(), Box<dyn Error>> {
    let source = SourceSeries::read(scan, &SeriesOptions::default())?;
    let set = structure_set::read(file)?;
    for roi in &set.rois {
        println!("{} {:?}: {} contours", roi.number, roi.name, roi.contours.len());
    }
    let read = set.rasterise_on_series(&source, &RasteriseOptions::default())?;
    read.warnings.iter().for_each(|warning| println!("{warning}"));
    let labels = read.mask.data.iter().map(|label| u8::try_from(*label)).collect::<Result<Vec<u8>, _>>()?;
    let labels = medseg_volume::ndarray::Array3::from_shape_vec(read.mask.data.dim(), labels)?;
    write_label(out, &read.mask.with_data(labels))?;
    Ok(())
}
