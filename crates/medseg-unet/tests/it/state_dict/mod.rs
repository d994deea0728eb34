//! State dicts of PyTorch: what `benches/peers/state_dict.py` saved, every way to name modules, and damaged files.

mod damaged;
mod golden;
mod naming;
