//! Segments one image with a trained run: `cargo run --example predict -- RUN IMAGE MASK`.

mod cli;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use medseg::train::{Observer, TrainError, TrainedRun};
use medseg::unet::Precision;
use medseg::volume::{read_image, write_label};

/// Segments one NIfTI image with the networks of a trained run; the mask has the image's geometry.
#[derive(Debug, Parser)]
struct Options {
    /// Output folder of one_stage or two_stage
    run: PathBuf,
    /// Image to segment (.nii or .nii.gz)
    image: PathBuf,
    /// Mask to write (.nii or .nii.gz)
    mask: PathBuf,
    /// auto, cpu, ndarray, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Products of the convolutions in bf16: faster on a CPU with AVX512-BF16, nearly the same mask
    #[arg(long)]
    bf16: bool,
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    cli::exit_code(predict(&options))
}

fn predict(options: &Options) -> Result<(), TrainError> {
    let device = cli::choose_device(&options.device)?;
    let mut run = TrainedRun::open(&options.run, &device.device)?;
    if options.bf16 {
        run = run.with_precision(Precision::Bf16);
    }
    let image = read_image(&options.image)?;
    let mut bar = cli::Bar::new();
    bar.message(&run.describe(&image)?);
    let prediction = run.predict(&image, &mut bar)?;
    write_label(&options.mask, &prediction.mask)?;
    bar.message(&format!(
        "{} foreground voxels in {:.1} s, written to {}",
        prediction.mask.data.iter().filter(|v| **v != 0).count(),
        prediction.seconds,
        options.mask.display()
    ));
    Ok(())
}
