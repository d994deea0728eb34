//! Published weights become a bundle: `cargo run --example obelisk -- WEIGHTS.pth... BUNDLE`. Without arguments the network's
//! layers, and the organs that it knows.

use std::error::Error;
use std::path::PathBuf;

use medseg::Device;
use medseg::obelisk::{Channels, architecture, import};

fn main() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Some(folder) = files.pop() else {
        let graph = architecture(&Channels::default()).graph()?;
        for parameter in graph.parameters().iter().filter(|parameter| parameter.shape.len() == 5) {
            println!("{} {:?}", parameter.name, parameter.shape);
        }
        println!("{:?}", graph.cost([160; 3])?);
        return Ok(());
    };
    let bundle = import(&files, &Device::flex())?;
    bundle.save(&folder)?;
    let labels: Vec<&str> = bundle.config().labels.values().map(String::as_str).collect();
    println!("{}: {} fold(s), {}", folder.display(), files.len(), labels.join(", "));
    Ok(())
}
