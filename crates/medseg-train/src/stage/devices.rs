//! One step's cases worked on by one device or shared by several.

use std::sync::{Mutex, PoisonError};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use medseg_bundle::StageNetwork;
use rayon::ThreadPool;

use super::objective::Objective;
use super::threads::Threads;
use crate::cases::Batch;

/// A case of a step and the seed of its dropout.
pub(super) struct Work {
    pub batch: Batch,
    pub seed: u64,
}

/// Result of a case of a step, which the device may still be computing.
pub(super) struct Worked {
    /// Shape `[1]`, without autodiff.
    pub loss: Tensor<1>,
    pub gradients: GradientsParams,
}

/// The devices, or parts of the CPU's threads, that share the cases of a step: case `i` goes to place `i % places`, each
/// with a copy of the weights. Results come back in the order of the cases, so the number of places changes the time alone.
pub(super) struct Devices<'a> {
    /// Without autodiff; the first one holds the network.
    devices: &'a [Device],
    threads: &'a Threads,
    checkpointing: bool,
}

/// A device and the threads of its kernels.
type Place<'a> = (&'a Device, &'a ThreadPool);

impl<'a> Devices<'a> {
    pub fn new(devices: &'a [Device], threads: &'a Threads, checkpointing: bool) -> Self {
        Self { devices, threads, checkpointing }
    }

    /// The places: several devices with a part of the threads each, or the parts of one device. Places never share
    /// threads: one that waits for an operation would take up another place's case, and wait for the generator that its
    /// own case holds.
    fn places(&self) -> Vec<Place<'a>> {
        let parts = self.threads.parts();
        match self.devices {
            [device] => parts.iter().map(|part| (device, part)).collect(),
            several => several.iter().zip(parts).collect(),
        }
    }

    /// The device that holds the network.
    pub fn first(&self) -> &'a Device {
        &self.devices[0]
    }

    /// A device with autodiff, as the stage's settings want it.
    pub fn training_device(device: &Device, checkpointing: bool) -> Device {
        let device = device.clone().autodiff();
        if checkpointing { device.gradient_checkpointing() } else { device }
    }

    /// Losses and gradients of the cases at the network's weights, in their order, on the first device.
    pub fn work(&self, network: &StageNetwork, objective: &Objective, cases: Vec<(usize, Work)>) -> Vec<Worked> {
        let finished = Mutex::new(Vec::with_capacity(cases.len()));
        self.each(network, objective, cases, &|at, worked| {
            finished.lock().unwrap_or_else(PoisonError::into_inner).push((at, worked));
        });
        let mut worked = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
        worked.sort_by_key(|(at, _)| *at);
        let worked = worked.into_iter().map(|(_, worked)| worked);
        if self.devices.len() == 1 {
            return worked.collect();
        }
        let home = |w: Worked| Worked { gradients: w.gradients.to_device(&self.devices[0], network), ..w };
        worked.map(home).collect()
    }

    /// Hands on the loss and the gradients of every case, with the case's number, as soon as they are there, each on the
    /// device that made them. `finished` is called by several threads.
    pub fn each(
        &self,
        network: &StageNetwork,
        objective: &Objective,
        cases: Vec<(usize, Work)>,
        finished: &(dyn Fn(usize, Worked) + Sync),
    ) {
        let places = self.places();
        let used = places.len().min(cases.len());
        if used <= 1 {
            let device = Self::training_device(&self.devices[0], self.checkpointing);
            return places[0].1.install(|| one_share(network, objective, cases, &device, finished));
        }
        let mut shares: Vec<Vec<(usize, Work)>> = (0..used).map(|_| Vec::new()).collect();
        for (at, case) in cases.into_iter().enumerate() {
            shares[at % used].push(case);
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> = shares
                .into_iter()
                .zip(places)
                .map(|(share, (device, threads))| {
                    let device = Self::training_device(device, self.checkpointing);
                    let replica = network.clone().fork(&device);
                    scope.spawn(move || threads.install(|| one_share(&replica, objective, share, &device, finished)))
                })
                .collect();
            threads.into_iter().for_each(|t| t.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
        });
    }
}

fn one_share(
    replica: &StageNetwork,
    objective: &Objective,
    share: Vec<(usize, Work)>,
    device: &Device,
    finished: &(dyn Fn(usize, Worked) + Sync),
) {
    for (at, case) in share {
        finished(at, one_case(replica, objective, case, device));
    }
}

fn one_case(network: &StageNetwork, objective: &Objective, work: Work, device: &Device) -> Worked {
    /// Dropout draws from a generator that all devices of a backend share: seeding it and the forward pass that draws from
    /// it are one. The backward passes of several devices run side by side.
    static GENERATOR: Mutex<()> = Mutex::new(());
    let (image, target) = work.batch.into_tensors(device);
    let loss = {
        let _mine = objective.draws.then(|| GENERATOR.lock().unwrap_or_else(PoisonError::into_inner));
        if objective.draws {
            device.seed(work.seed);
        }
        objective.forward(network, image, target)
    };
    // Not read here: a GPU would stand still until the host had queued the backward pass.
    Worked { loss: loss.clone().inner(), gradients: GradientsParams::from_grads(loss.backward(), network) }
}
