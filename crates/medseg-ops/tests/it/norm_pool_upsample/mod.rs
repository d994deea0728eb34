//! Instance norm, max-pool, trilinear upsampling and dropout: against golden values of PyTorch, against the same
//! functions from Burn's own operations, against central differences, and for any number of threads.

mod compare;
mod composed;
mod dropout;
mod golden;
mod limits;
mod norms;
mod threads;
