//! One stage or two.

use medseg_train::Experiment;

use crate::decision::Decision;
use crate::fingerprint::Fingerprint;

/// Share of the volume in the foreground's box below which a coarse stage pays.
const SMALL: f64 = 0.05;

/// Two stages where the foreground's box is a small part of the volume: the fine network then sees little else, and
/// false parts far away are cut off.
pub(crate) fn experiment(found: &Fingerprint) -> (Experiment, Decision) {
    let share = found.box_share();
    let percent = share * 100.0;
    if share < SMALL {
        let reason =
            format!("The box around the foreground takes {percent:.1} % of a case, less than {:.0} %.", SMALL * 100.0);
        return (Experiment::TwoStage, Decision::new("Stages", "two: a coarse network finds the box", reason));
    }
    let reason = format!("The box around the foreground takes {percent:.1} % of a case: no coarse stage pays.");
    (Experiment::OneStage, Decision::new("Stages", "one", reason))
}
