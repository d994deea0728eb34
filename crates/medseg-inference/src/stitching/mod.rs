//! Windows are cut out of the image and put together again, on the host or on the device.

mod backend;
mod device;
mod gather;
mod host;
mod weights;

pub(crate) use backend::Stitching;
pub(crate) use device::DeviceStitching;
pub(crate) use host::HostStitching;
