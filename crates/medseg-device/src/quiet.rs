//! Panics of other people's code as errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

/// Messages of panics, and the last one's payload.
pub(crate) struct Panicked {
    /// The messages of all threads with their places, in their order.
    pub(crate) messages: Vec<String>,
    payload: Box<dyn Any + Send>,
}

impl Panicked {
    /// The first message without its backtrace, in one line: what follows it is mostly its consequence.
    pub(crate) fn reason(&self) -> String {
        one_line(self.messages.first().map_or("no reason was given", String::as_str))
    }

    /// Prints what was held back, and goes on panicking.
    pub(crate) fn resume(self) -> ! {
        for message in &self.messages {
            eprintln!("{message}");
        }
        resume_unwind(self.payload)
    }
}

/// Runs `f`; where it panics, the messages of all threads are returned instead of printed.
///
/// The hook that prints panics is the process's, so what unrelated threads say meanwhile comes along. Calls may be nested.
pub(crate) fn quietly<T>(f: impl FnOnce() -> T) -> Result<T, Panicked> {
    let listener = Listener::new();
    let result = catch_unwind(AssertUnwindSafe(f));
    let messages = listener.stop();
    match result {
        Ok(value) => {
            // Another thread's panic, which `f` had nothing to do with or has come to terms with.
            messages.iter().for_each(|message| eprintln!("{message}"));
            Ok(value)
        }
        Err(payload) => Err(Panicked { messages, payload }),
    }
}

type Messages = Arc<Mutex<Vec<String>>>;
type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

struct Listening {
    /// Each with its thread, the innermost last.
    listeners: Vec<(ThreadId, Messages)>,
    /// The hook that prints where nobody listens.
    printing: Option<Hook>,
}

static LISTENING: Mutex<Listening> = Mutex::new(Listening { listeners: Vec::new(), printing: None });

/// Collects what is said in panics while it lives.
struct Listener(Messages);

impl Listener {
    fn new() -> Self {
        let messages = Messages::default();
        let mut listening = lock(&LISTENING);
        if listening.listeners.is_empty() {
            listening.printing = Some(take_hook());
            set_hook(Box::new(hear));
        }
        listening.listeners.push((std::thread::current().id(), Arc::clone(&messages)));
        Self(messages)
    }

    fn stop(self) -> Vec<String> {
        let mut listening = lock(&LISTENING);
        listening.listeners.retain(|(_, other)| !Arc::ptr_eq(other, &self.0));
        if listening.listeners.is_empty()
            && let Some(printing) = listening.printing.take()
        {
            set_hook(printing);
        }
        drop(listening);
        std::mem::take(&mut *lock(&self.0))
    }
}

/// Passes a panic's message and place to the innermost listener of its thread; those of threads without one, such as a
/// device's own, to every listener.
fn hear(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    let message = format!("{}{place}", panic.payload_as_str().unwrap_or("a panic without a message"));
    let here = std::thread::current().id();
    let listening = lock(&LISTENING);
    match listening.listeners.iter().rfind(|(thread, _)| *thread == here) {
        Some((_, messages)) => lock(messages).push(message),
        None => listening.listeners.iter().for_each(|(_, messages)| lock(messages).push(message.clone())),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines of a message that say something, without the backtrace that Burn's errors carry, and not too many words.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let trace = |line: &str| line.trim_start().to_ascii_lowercase().starts_with("backtrace") || starts_frame(line);
    let lines = text.lines().take_while(|line| !trace(line)).map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

/// `   0: name::of::function`, a frame of a backtrace.
fn starts_frame(line: &str) -> bool {
    let number = line.trim_start().split_once(": ").map_or("", |(number, _)| number);
    line.starts_with(' ') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test: what a thread without a listener says reaches all that listen.
    #[test]
    fn panics_are_returned_and_not_printed() {
        assert_eq!(quietly(|| 3).ok(), Some(3));
        let panicked = quietly(|| -> i32 { panic!("no such library") }).err().unwrap();
        assert!(panicked.reason().starts_with("no such library ("), "{}", panicked.reason());
        let again = catch_unwind(AssertUnwindSafe(|| panicked.resume())).unwrap_err();
        assert_eq!(again.downcast_ref::<&str>(), Some(&"no such library"));

        let nested = quietly(|| -> i32 {
            assert!(quietly(|| -> i32 { panic!("inner") }).is_err());
            panic!("outer")
        });
        let nested = nested.err().unwrap();
        assert!(nested.reason().starts_with("outer") && nested.messages.len() == 1, "{}", nested.reason());

        // The first thread to panic gives the reason.
        let panicked = quietly(|| std::thread::spawn(|| -> i32 { panic!("the cause") }).join().unwrap());
        let panicked = panicked.err().unwrap();
        assert!(panicked.reason().starts_with("the cause"), "{}", panicked.reason());
        assert_eq!(panicked.messages.len(), 2);
    }

    #[test]
    fn backtraces_and_long_texts_are_cut() {
        assert_eq!(one_line("out of memory\nBacktrace\n  0: main"), "out of memory");
        assert_eq!(
            one_line("first\n\n  Caused by:\n  second: 3\n   0: std::rt\n  1: main"),
            "first Caused by: second: 3"
        );
        let long = one_line(&"é".repeat(400));
        assert!(long.ends_with(" ...") && long.chars().count() == 304);
    }
}
