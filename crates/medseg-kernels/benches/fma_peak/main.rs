//! The f32 multiplications and additions that one core can make: what the kernels' speed is a share of.
//!
//! `cargo bench --profile dev -p medseg-kernels --bench fma_peak`

mod clock;
mod peak;

fn main() {
    let units = peak::units();
    if units.is_empty() {
        println!("only written for x86-64 with FMA");
    }
    for unit in units {
        let best = (0..5).map(|_| peak::speed(unit, 20_000_000, 1)).fold(0.0, f64::max);
        println!("{}: {best:.1} GFLOP/s", unit.0);
    }
}
