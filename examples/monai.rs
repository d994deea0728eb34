//! A MONAI bundle, read without Python: `cargo run --example monai [BUNDLE [OUT]]`. Without arguments a small bundle with random
//! weights; with OUT, it is written there as a bundle that `medseg predict` opens.

use std::error::Error;
use std::path::PathBuf;

use medseg::Device;
use medseg::monai::MonaiBundle;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let golden = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("crates/medseg-monai/tests/golden/bundles/spleen");
    let bundle = MonaiBundle::open(arguments.next().unwrap_or_else(golden))?;
    let graph = bundle.network.architecture.graph()?;
    println!("{}: {}", bundle.metadata.name, bundle.metadata.description);
    println!(
        "{} with {} operations, sizes in multiples of {:?}",
        bundle.network.class,
        graph.nodes().len(),
        graph.size_multiple()
    );
    bundle.preprocessing.iter().for_each(|step| println!("before: {step:?}"));
    println!("{:?}", bundle.inferer);
    bundle.postprocessing.iter().for_each(|step| println!("after: {step:?}"));

    let imported = bundle.import(&Device::flex())?;
    println!("labels: {:?}", imported.config().labels);
    if let Some(folder) = arguments.next() {
        imported.save(&folder)?;
        println!("written to {}", folder.display());
    }
    Ok(())
}
