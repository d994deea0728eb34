//! Reads a DICOM series again and again, once for every line on standard input, and prints the seconds of each reading:
//! the side of this crate in `benches/peers/dicom.py`.
//!
//! `time_series FOLDER OUTPUT`: the voxels of the first reading go to OUTPUT as little-endian f32, slices, rows,
//! columns; the first line printed is the shape and the affine's first three rows.

use std::env::args;
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

use medseg_volume::dicom::read_series;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = args().skip(1);
    let (Some(folder), Some(output)) = (args.next(), args.next()) else {
        return Err("usage: time_series FOLDER OUTPUT".into());
    };
    let image = read_series(&folder)?;
    let bytes: Vec<u8> = image.data.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(output, bytes)?;
    let affine: Vec<String> =
        image.geometry.affine()[..3].as_flattened().iter().map(|value| format!("{value:e}")).collect();
    let [d, h, w] = image.shape().to_array();
    println!("{d} {h} {w} {}", affine.join(" "));
    drop(image);
    for line in stdin().lock().lines() {
        line?;
        let start = Instant::now();
        let image = read_series(&folder)?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{seconds}");
        stdout().flush()?;
        drop(image);
    }
    Ok(())
}
