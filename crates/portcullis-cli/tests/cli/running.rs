//! The program while it runs.

use crate::program::{command, named};
use portcullis_sim::Server;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command};
use std::time::Duration;

pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    /// Runs it with these words on a gateway of this process.
    pub(crate) fn start(server: &Server, line: &str) -> Self {
        let line = format!("{line} {}", named(server));
        let mut child = command(line.split_whitespace()).spawn().expect("it starts");
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    pub(crate) fn signal(&self, name: &str) {
        self.signal_times(1, name);
    }

    /// The same signal several times at once.
    pub(crate) fn signal_times(&self, times: usize, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").arg(name).args(vec![id; times]).status().expect("kill runs");
        assert!(status.success());
    }

    /// A signal that cannot be taken for the one before.
    pub(crate) fn signal_again(&self, name: &str) {
        std::thread::park_timeout(Duration::from_millis(150));
        self.signal(name);
    }

    pub(crate) fn status(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }

    /// Without a chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// The next line of its output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        line(self.stdout.as_mut().expect("not closed"))
    }

    /// The next line that it says beside its output.
    pub(crate) fn said(&mut self) -> String {
        line(&mut self.stderr)
    }

    #[track_caller]
    pub(crate) fn json(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Nobody reads its output any more.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Reads events until one of this name.
    pub(crate) fn event(&mut self, name: &str) -> Value {
        loop {
            let event = self.json();
            if event.get("event").is_some_and(|event| event == name) {
                return event;
            }
        }
    }

    /// All that is left of its output, once it has ended.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.as_mut().expect("not closed").read_to_string(&mut rest).expect("text");
        rest
    }

    /// All that is left of what it says beside its output, once it has ended.
    pub(crate) fn rest_said(&mut self) -> String {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).expect("text");
        rest
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("text");
    line
}

pub(crate) fn open_ports(server: &Server) -> usize {
    server.with_gateway(|gateway| gateway.mappings().len())
}
