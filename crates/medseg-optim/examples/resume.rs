//! Trains a small model with NovoGrad, warm restarts, clipping and an average of weights; saves everything in the
//! middle, starts again from the files, and compares the ends.
//!
//! `cargo run -p medseg-optim --example resume`

use std::error::Error;
use std::path::Path;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor};
use medseg_optim::{
    Ema, EmaConfig, EmaState, NovoGradConfig, Schedule, ScheduleConfig, ScheduleState, clip_global_norm,
};

struct Training {
    model: Linear,
    optimizer: ModuleOptimizer,
    schedule: Schedule,
    ema: Ema<Linear>,
}

const EMA: EmaConfig = EmaConfig { decay: 0.9, warmup: true };
const SCHEDULE: ScheduleConfig = ScheduleConfig::CosineWarmRestarts { t_0: 5, t_mult: 3, eta_min: 1e-4 };

impl Training {
    fn new(device: &Device) -> Result<Self, Box<dyn Error>> {
        let model = LinearConfig::new(8, 1).init(device);
        let (optimizer, schedule, ema) = (NovoGradConfig::default().init()?, SCHEDULE.init(0.05)?, EMA.init(&model)?);
        Ok(Self { model, optimizer, schedule, ema })
    }

    fn epochs(mut self, count: usize, device: &Device) -> Result<Self, Box<dyn Error>> {
        let x = Tensor::<1, Int>::arange(0..128, device).float().sin().reshape([16, 8]);
        for _ in 0..count {
            let loss = (self.model.forward(x.clone()) - x.clone().sum_dim(1)).powi_scalar(2).mean();
            let mut gradients = GradientsParams::from_grads(loss.backward(), &self.model);
            clip_global_norm(&mut gradients, &self.model, 10.0)?;
            self.model = self.optimizer.step(self.schedule.lr(), self.model, gradients);
            self.ema.update(&self.model)?;
            self.schedule.step();
        }
        Ok(self)
    }

    fn save(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        self.model.clone().save_file(folder.join("model.bpk"))?;
        self.ema.average().clone().save_file(folder.join("average.bpk"))?;
        self.optimizer.save(folder.join("optimizer.bpk"))?;
        std::fs::write(folder.join("state.json"), serde_json::to_string(&(self.schedule.state(), self.ema.state()))?)?;
        Ok(())
    }

    fn load(folder: &Path, device: &Device) -> Result<Self, Box<dyn Error>> {
        let fresh = Self::new(device)?;
        let text = std::fs::read_to_string(folder.join("state.json"))?;
        let (position, averaged): (ScheduleState, EmaState) = serde_json::from_str(&text)?;
        let mut schedule = fresh.schedule;
        schedule.restore(&position)?;
        let average = fresh.ema.average().clone().load_file(folder.join("average.bpk"));
        Ok(Self {
            model: fresh.model.load_file(folder.join("model.bpk")),
            optimizer: fresh.optimizer.load(folder.join("optimizer.bpk"))?,
            schedule,
            ema: EMA.resume(average, averaged)?,
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let folder = tempfile::tempdir()?;
    let halfway = Training::new(&device)?.epochs(12, &device)?;
    halfway.save(folder.path())?;
    let straight = halfway.epochs(12, &device)?;
    let resumed = Training::load(folder.path(), &device)?.epochs(12, &device)?;
    for (name, a, b) in
        [("model", &straight.model, &resumed.model), ("average", straight.ema.average(), resumed.ema.average())]
    {
        let same = a.weight.val().into_data() == b.weight.val().into_data();
        println!("{name}: {}", if same { "the same bits" } else { "different" });
    }
    println!("learning rates {} and {}", straight.schedule.lr(), resumed.schedule.lr());
    Ok(())
}
