//! A DICOM segmentation of the voxels of a series at or above a value, for trying archives and viewers.
//!
//! ```sh
//! cargo run -p medseg-volume --features dicom --example segment_above -- SERIES VALUE OUT.dcm
//! ```

use std::error::Error;

use medseg_volume::dicom::segmentation::{self, WriteOptions};
use medseg_volume::dicom::{SeriesOptions, SourceSeries, read_series};
use medseg_volume::segments::SegmentTable;
use medseg_volume::{Volume, error_chain};

fn main() {
    if let Err(error) = run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        eprintln!("error: {}", error_chain(&*error));
        std::process::exit(1);
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [series, value, out] = arguments else {
        return Err("usage: segment_above SERIES VALUE OUT.dcm".into());
    };
    let value: f32 = value.parse()?;
    let image = read_series(series)?;
    let mask = Volume::new(image.data.mapv(|voxel| u8::from(voxel >= value)), image.geometry);
    let source = SourceSeries::read(series, &SeriesOptions::default())?;
    segmentation::write(out, &mask, &SegmentTable::from_names([(1, "threshold")])?, &source, &WriteOptions::default())?;
    println!("{} of {} voxels", mask.data.iter().filter(|voxel| **voxel == 1).count(), mask.data.len());
    Ok(())
}
