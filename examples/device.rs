//! Which devices this build can use on this machine, and why not the others.
//!
//! `cargo run --example device`, with `--features cuda` or `webgpu` for a GPU; `-- cuda:1` asks for one device, as the other
//! examples' `--device` does, and ends with 2 where it cannot be had.

use std::process::ExitCode;

use medseg::device::{Chosen, DeviceChoice, DeviceError, free_memory};

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        for device in DeviceChoice::all() {
            match device {
                Ok(chosen) => tell(&chosen),
                Err(why) => println!("{why}"),
            }
        }
        return ExitCode::SUCCESS;
    };
    match name.parse().and_then(DeviceChoice::open) {
        Ok(chosen) => {
            let reasons = chosen.passed_over.iter().map(DeviceError::to_string);
            reasons.for_each(|reason| println!("{reason}"));
            tell(&chosen);
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

fn tell(chosen: &Chosen) {
    let memory = free_memory(&chosen.device).map_or_else(String::new, |memory| {
        format!(", {} of {} MiB of memory free", memory.free >> 20, memory.total >> 20)
    });
    println!("{} works{memory}", chosen.name);
}
