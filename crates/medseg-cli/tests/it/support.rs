//! The program, and a small data set for it.

use std::path::PathBuf;
use std::process::{Command, Output};

use medseg_phantom::PhantomConfig;

/// A subcommand of the program.
pub fn medseg(subcommand: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medseg"));
    command.arg(subcommand);
    command
}

/// A tiny set of six cases, four of them to train.
pub struct Data {
    pub dir: tempfile::TempDir,
}

impl Data {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let phantom = PhantomConfig { cases: 6, seed: 3, scale: 0.25, ..PhantomConfig::default() };
        phantom.write(dir.path().join("data"), &mut |_, _| {}).unwrap();
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An experiment with small networks on these cases.
    pub fn run(&self, name: &str, more: &[&str]) -> Output {
        self.command(name, more).output().unwrap()
    }

    pub fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = medseg("train");
        command.arg(name);
        command.args(["--data", self.path("data").to_str().unwrap(), "--out", self.path("out").to_str().unwrap()]);
        command.args(["--channels", "2,2,4", "--roi", "16,16,16", "--epochs", "2", "--device", "cpu"]);
        command.args(more);
        command
    }

    /// The same with no file larger than so many KiB, as on a disk that is full by then.
    #[cfg(target_os = "linux")]
    pub fn run_within(&self, kib: usize, name: &str, more: &[&str]) -> Output {
        let (limit, command) = (format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\""), self.command(name, more));
        let mut limited = Command::new("bash");
        limited.args(["-c", &limit, "bash"]).arg(command.get_program()).args(command.get_args());
        limited.output().unwrap()
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks the exit code and that the last line is one sentence that names `what`.
pub fn assert_fails(output: &Output, code: i32, what: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains(what), "{what} is not named in one sentence:\n{text}");
}
