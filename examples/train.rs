//! An experiment from code, with settings of one's own: a small network on a few synthetic abdomen CTs, in seconds.

use std::error::Error;

use medseg::Device;
use medseg::phantom::PhantomConfig;
use medseg::train::{Experiment, Preset, RunRequest, Silent, TrainedRun, run_experiment};
use medseg::unet::UNetConfig;
use medseg::volume::{Dhw, read_image};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let phantoms = PhantomConfig { cases: 8, scale: 0.5, ..PhantomConfig::default() };
    let cases = phantoms.write(&data, &mut |_, _| {})?;

    let mut config = Preset::Quick.config(Experiment::OneStage);
    config.seed = 5;
    config.fine.epochs = 6;
    config.fine.size = Dhw::splat(32);
    config.fine.network = UNetConfig { channels: vec![4, 8, 16, 32], ..UNetConfig::default() }.into();
    let out = folder.path().join("run");
    let request = RunRequest::new(config, Some(data), &out);
    run_experiment(&request, &[Device::flex()], &mut Silent)?;
    print!("{}", std::fs::read_to_string(out.join("one_stage/history.csv"))?);
    print!("{}", std::fs::read_to_string(out.join("metrics.csv"))?);

    // The run's folder is all that a new image needs.
    let image = read_image(&cases[0].image)?;
    let prediction = TrainedRun::open(&out, &Device::flex())?.predict(&image, &mut Silent)?;
    println!("{}: {} foreground voxels", cases[0].id, prediction.mask.data.iter().filter(|v| **v != 0).count());
    Ok(())
}
