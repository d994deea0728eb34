//! The one-dimensional step of the distance transform.

/// The lower envelope of parabolas `step² (x - p)² + height`, one per position `p` of a line.
///
/// Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions" (2012): one pass to build, one to read,
/// both linear in the length of the line. Positions without a feature (infinite height) carry no parabola.
#[derive(Default)]
pub(crate) struct LowerEnvelope {
    parabolas: Vec<Parabola>,
    step_squared: f64,
}

struct Parabola {
    position: f64,
    height: f64,
    /// From here on, in voxels, this parabola is the lowest.
    start: f64,
}

impl LowerEnvelope {
    /// Builds the envelope of `heights` (mm²) at positions 0, 1, 2, ... `step` mm apart.
    pub fn build(&mut self, heights: impl Iterator<Item = f64>, step: f64) {
        self.parabolas.clear();
        self.step_squared = step * step;
        let half_inverse = 0.5 / self.step_squared;
        for (index, height) in heights.enumerate() {
            if height == f64::INFINITY {
                continue;
            }
            let position = index as f64;
            let mut start = f64::NEG_INFINITY;
            while let Some(last) = self.parabolas.last() {
                let crossing = 0.5 * (position + last.position)
                    + (height - last.height) * half_inverse / (position - last.position);
                if crossing > last.start {
                    start = crossing;
                    break;
                }
                self.parabolas.pop();
            }
            self.parabolas.push(Parabola { position, height, start });
        }
    }

    /// A reader for positions in ascending order; infinite everywhere if the line has no feature.
    pub fn reader(&self) -> impl FnMut(usize) -> f64 + '_ {
        let mut current = 0;
        move |index| {
            let x = index as f64;
            while self.parabolas.get(current + 1).is_some_and(|next| next.start < x) {
                current += 1;
            }
            self.parabolas.get(current).map_or(f64::INFINITY, |parabola| {
                let steps = x - parabola.position;
                self.step_squared * steps * steps + parabola.height
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lowest_parabola_everywhere() {
        let heights = [9.0, f64::INFINITY, 0.5, 40.0, 2.0, f64::INFINITY, f64::INFINITY, 0.0];
        let step = 0.7;
        let mut envelope = LowerEnvelope::default();
        envelope.build(heights.iter().copied(), step);
        let mut read = envelope.reader();
        for x in 0..heights.len() {
            let want = heights
                .iter()
                .enumerate()
                .map(|(p, h)| (step * (x as f64 - p as f64)).powi(2) + h)
                .fold(f64::INFINITY, f64::min);
            assert!((read(x) - want).abs() < 1e-12);
        }
    }

    #[test]
    fn a_line_without_features_is_infinitely_far() {
        let mut envelope = LowerEnvelope::default();
        envelope.build([f64::INFINITY; 3].into_iter(), 1.0);
        assert_eq!(envelope.reader()(1), f64::INFINITY);
    }
}
