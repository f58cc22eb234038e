//! Runs the program.

use portcullis_sim::{Scenario, Server};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:?}");
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("only UTF-8 is printed");
        Self { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// What `close` says of a port that nobody keeps.
pub(crate) fn closed_report(protocol: &str, port: u16, outcome: &str) -> Value {
    json!({
        "protocol": protocol,
        "external_port": port,
        "outcome": outcome,
        "existed": outcome != "not-open",
        "ends_in_s": null,
        "kept": false,
    })
}

/// The program, with nothing on its standard input and both its outputs in pipes.
pub(crate) fn command<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    // Nobody's own journal, and of each test another.
    for variable in ["XDG_STATE_HOME", "HOME", "LOCALAPPDATA"] {
        command.env(variable, state_home());
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

/// Where the program of this test keeps its state.
pub(crate) fn state_home() -> PathBuf {
    thread_local! {
        static HOME: Directory = Directory::new();
    }
    HOME.with(|home| home.0.clone())
}

/// A directory of its own, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs it with these words.
#[track_caller]
pub(crate) fn run(line: &str) -> Ran {
    command(line.split_whitespace()).output().expect("the program starts").into()
}

/// Runs it with these words on a gateway of this process.
#[track_caller]
pub(crate) fn run_on(server: &Server, line: &str) -> Ran {
    run(&format!("{line} {}", named(server)))
}

/// Runs it with these words under a limit of the shell's (`-n 16`).
#[cfg(target_os = "linux")]
pub(crate) fn limited(limit: &str, line: &str) -> Ran {
    let program = command(line.split_whitespace());
    let mut shell = Command::new("sh");
    // What is over a limit of size is an error, and no signal.
    let script = format!(r#"trap '' XFSZ && ulimit {limit} && exec "$@""#);
    shell.args(["-c", &script, "sh"]).arg(program.get_program()).args(program.get_args());
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    shell.output().expect("a shell").into()
}

/// The options that name a gateway of this process, by both its addresses.
pub(crate) fn named(server: &Server) -> String {
    format!("--gateway {} --gateway pcp://{}", server.ssdp_address(), server.port_control_address())
}

pub(crate) fn gateway(scenario: Scenario) -> Server {
    Server::start(scenario, Ipv4Addr::LOCALHOST.into()).expect("loopback sockets")
}

/// The names of an object's fields, sorted.
#[track_caller]
pub(crate) fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
