//! Ctrl-C and SIGTERM.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// True once a command ends by itself when it is interrupted.
static ENDS_BY_ITSELF: AtomicBool = AtomicBool::new(false);

/// From now on, Ctrl-C and SIGTERM end this process as they would, after the files are removed that are only partly written.
/// For programs that do nothing of their own at these signals. Elsewhere than on Unix it does nothing.
pub fn clean_up_when_interrupted() {
    // Where that fails, hidden files may be left, and nothing else.
    #[cfg(unix)]
    let _ = [SIGINT, SIGTERM].into_iter().try_for_each(clean_up_at);
}

#[cfg(unix)]
fn clean_up_at(signal: i32) -> io::Result<()> {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use signal_hook::low_level;

    let (mut received, sent) = UnixStream::pair()?;
    low_level::pipe::register(signal, sent)?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        while received.read_exact(&mut [0]).is_ok() {
            if !ENDS_BY_ITSELF.load(Ordering::Relaxed) {
                let _nothing = medseg_files::remove_unfinished();
                // As if nothing had been registered, so that a shell knows how the program ended.
                let _ = low_level::emulate_default_handler(signal);
            }
        }
    })?;
    Ok(())
}

/// Sets the flag at SIGTERM or Ctrl-C, in place of ending; a second one ends the program at once.
///
/// # Errors
/// The system's.
pub fn set_when_interrupted(stop: &Arc<AtomicBool>) -> io::Result<()> {
    ENDS_BY_ITSELF.store(true, Ordering::Relaxed);
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 130, Arc::clone(stop))?;
        flag::register(signal, Arc::clone(stop))?;
    }
    Ok(())
}
