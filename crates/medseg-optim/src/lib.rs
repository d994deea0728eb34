//! The NovoGrad optimizer and learning-rate schedules for [Burn](burn).
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::LinearConfig;
//! use burn::optim::GradientsParams;
//! use burn::tensor::{Device, Tensor};
//! use medseg_optim::{CosineWarmRestarts, NovoGradConfig};
//!
//! let device = Device::flex().autodiff();
//! let mut model = LinearConfig::new(3, 1).init(&device);
//! let mut optimizer = NovoGradConfig::default().init()?;
//! let mut schedule = CosineWarmRestarts::new(0.05, 5, 3, 0.0)?;
//!
//! let x = Tensor::<2>::from_data([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]], &device);
//! let mut losses = Vec::new();
//! for _epoch in 0..15 {
//!     let loss = (model.forward(x.clone()) - 1.0).powi_scalar(2).mean();
//!     losses.push(loss.clone().into_scalar::<f32>());
//!     let gradients = GradientsParams::from_grads(loss.backward(), &model);
//!     model = optimizer.step(schedule.lr(), model, gradients);
//!     schedule.step();
//! }
//! assert!(losses[14] < losses[0]);
//! # Ok::<(), medseg_optim::OptimError>(())
//! ```
//!
//! # What there is
//! - [`NovoGrad`], built from [`NovoGradConfig`], as MONAI has it. Its documentation says what it is and is not.
//! - [`CosineWarmRestarts`], as PyTorch has it.
//! - [`ScheduleConfig`] and [`Schedule`]: constant, warm restarts, [`WarmupCosine`] and [`Polynomial`] behind one type,
//!   chosen in a configuration file.
//!
//! # Conventions
//! - Schedules count epochs (or any other unit you step them by) in `f64`. A new schedule gives the first rate;
//!   `step()` moves on and returns nothing; `lr()` reads. Through Burn's
//!   [`LrScheduler`](burn::lr_scheduler::LrScheduler) a step reads and then moves on.
//! - To resume, save the optimizer's record ([`ModuleOptimizer::save`](burn::optim::ModuleOptimizer::save)) and the
//!   schedule's [`ScheduleState`]; the run then goes on with the same bits. Optimizer state is keyed by parameter id,
//!   so the weights must be restored with their ids (Burn's burnpack format keeps them).

mod burn_scheduler;
mod cosine_warm_restarts;
mod curves;
mod ema;
mod error;
mod global_norm;
mod novograd;
mod schedule;

pub use cosine_warm_restarts::CosineWarmRestarts;
pub use curves::{Polynomial, WarmupCosine};
pub use ema::{Ema, EmaConfig, EmaState};
pub use error::OptimError;
pub use global_norm::clip_global_norm;
pub use novograd::{NovoGrad, NovoGradConfig, NovoGradState};
pub use schedule::{Cycle, Schedule, ScheduleConfig, ScheduleState};
