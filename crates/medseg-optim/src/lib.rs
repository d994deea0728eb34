#![doc = include_str!("../README.md")]

mod burn_scheduler;
mod cosine_warm_restarts;
#[cfg(feature = "cube")]
mod cube;
mod curves;
mod cycle;
mod ema;
mod error;
mod global_norm;
mod novograd;
mod schedule;
mod setters;
mod step;

pub use cosine_warm_restarts::CosineWarmRestarts;
pub use curves::{Polynomial, WarmupCosine};
pub use cycle::{Cycle, ScheduleState};
pub use ema::{Ema, EmaConfig, EmaState};
pub use error::OptimError;
pub use global_norm::{clip_global_norm, global_norm};
pub use novograd::{NovoGrad, NovoGradConfig, NovoGradState};
pub use schedule::{Schedule, ScheduleConfig};
pub use step::step;
