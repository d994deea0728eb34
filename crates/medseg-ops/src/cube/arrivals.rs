//! Cubes that count each other, so that the last one of a group adds up what all of them found, without a second launch.

use std::collections::HashMap;
use std::sync::Mutex;

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeDevice;
use burn_cubecl::ops::numeric::zeros_client;
use burn_cubecl::tensor::CubeTensor;
use cubecl::features::AtomicUsage;
use cubecl::ir::{ElemType, Type, UIntKind};
use cubecl::prelude::*;

/// Counters of a device. Launches take them in turn, so a launch shares its own with none that may still run.
const COUNTERS: usize = 1 << 15;

/// Counters at zero, one for each group of cubes; the last cube of a group leaves its counter at zero again.
pub(crate) struct Arrivals {
    /// All counters of the device.
    pub(crate) counters: CubeTensor,
    /// The first one of this launch.
    pub(crate) first: usize,
}

impl Arrivals {
    /// For so many groups of cubes on the device of a tensor. None where cubes need not see what others wrote, as in WebGPU's
    /// shaders, and where there are more groups than counters.
    pub(crate) fn new(beside: &CubeTensor, groups: usize) -> Option<Self> {
        let properties = beside.client.properties();
        let counts = properties.atomic_type_usage(Type::atomic(ElemType::UInt(UIntKind::U32)));
        if !properties.features.device_memory_scope || !counts.contains(AtomicUsage::Add) || groups > COUNTERS {
            return None;
        }
        static DEVICES: Mutex<Option<HashMap<CubeDevice, Arrivals>>> = Mutex::new(None);
        let mut devices = DEVICES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let next = devices.get_or_insert_default().entry(beside.device.clone()).or_insert_with(|| {
            let (client, device) = (beside.client.clone(), beside.device.clone());
            Self { counters: zeros_client(client, device, Shape::new([COUNTERS]), DType::U32), first: 0 }
        });
        let first = if next.first + groups > COUNTERS { 0 } else { next.first };
        next.first = first + groups;
        Some(Self { counters: next.counters.clone(), first })
    }
}

/// True in the last of `cubes` cubes that call it with this counter, once all that they wrote can be read. All units must call
/// it.
#[cube]
pub(crate) fn is_last_cube(counters: &mut Tensor<Atomic<u32>>, counter: usize, cubes: u32) -> bool {
    let mut before = Shared::<u32>::new();
    sync_storage();
    if UNIT_POS == 0 {
        *before = counters[counter].fetch_add(1u32);
        if *before + 1 == cubes {
            counters[counter].store(0u32);
        }
    }
    sync_storage();
    *before + 1 == cubes
}
