//! The time that ranks take to add up one case's gradient on each, without a network: what `docs/SCALING.md` calculates with.
//!
//! ```sh
//! cargo build --features mpi --example exchange
//! mpirun -n 2 target/debug/examples/exchange 1497960
//! ```

use std::error::Error;
use std::time::Instant;

use medseg_train::{Mpi, Ranks};

/// Measured repetitions, after some that are not.
const REPETITIONS: usize = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: usize = std::env::args().nth(1).map_or(Ok(1_497_960), |text| text.parse())?;
    let ranks = Mpi::start()?;
    let (me, size) = (ranks.rank(), ranks.size());
    let lengths: Vec<usize> = (0..size).map(|r| numbers * (r + 1) / size - numbers * r / size).collect();
    let row = vec![1.0; numbers];
    let (mut parts, mut all) = (vec![0.0; lengths[me] * size], vec![0.0; numbers]);
    let [mut sending, mut joining, mut telling] = [const { Vec::new() }; 3];
    for _ in 0..REPETITIONS + 5 {
        ranks.gather(&[])?;
        let started = Instant::now();
        ranks.exchange(&row, &lengths, &mut parts, &vec![lengths[me]; size])?;
        let mut sum = parts[..lengths[me]].to_vec();
        for part in parts.chunks_exact(lengths[me].max(1)).skip(1) {
            sum.iter_mut().zip(part).for_each(|(sum, number)| *sum += number);
        }
        sending.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        ranks.join(&sum, &mut all, &lengths)?;
        joining.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        ranks.gather(&[0; 100])?;
        telling.push(started.elapsed().as_secs_f64());
    }
    assert!(all.iter().all(|sum| *sum == size as f32), "a sum is wrong");
    if me == 0 {
        let sent = 4.0 * numbers as f64 * (size - 1) as f64 / size as f64 / 1e6;
        println!(
            "{size} ranks, {numbers} numbers: {sent:.2} MB sent by a rank and added in {:.2} ms, {sent:.2} MB of sums in {:.2} ms, 100 bytes to all in {:.3} ms",
            1e3 * median(sending),
            1e3 * median(joining),
            1e3 * median(telling)
        );
    }
    Ok(())
}

/// The median of the times after the first five.
fn median(mut times: Vec<f64>) -> f64 {
    times.drain(..5);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
