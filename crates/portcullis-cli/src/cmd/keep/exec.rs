//! A command that is run on each change, one at a time: what changes while it runs is told by the next run, the latest
//! state of each mapping.

use super::notices::Notice;
use crate::clock::Started;
use crate::failure::Failure;
use portcullis::explained;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// How long the runs that are left may take at the end.
const GRACE: Duration = Duration::from_secs(1);
/// How soon after its start, and how often then, it is looked whether a command has ended.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(100);
/// Troubles that nobody has asked for yet.
const MOST_TROUBLES: usize = 16;

/// What is run.
#[derive(Clone, Debug)]
pub(super) enum Program {
    /// A program and its arguments, which no shell sees.
    Direct(OsString, Vec<OsString>),
    /// A line for the shell.
    Shell(OsString),
}

impl Program {
    fn command(&self, notice: &Notice, is_heard: bool) -> Command {
        let mut command = match self {
            Self::Direct(path, arguments) => {
                let mut command = Command::new(path);
                command.args(arguments);
                command
            }
            Self::Shell(line) => {
                let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
                let mut command = Command::new(shell);
                command.arg(option).arg(line);
                command
            }
        };
        let Notice { event, protocol, port, internal_port, address } = notice;
        command
            .env("EVENT", event)
            .env("PROTOCOL", protocol)
            .env("PORT", port.as_ref().map(NonZeroU16::to_string).unwrap_or_default())
            .env("INTERNAL_PORT", internal_port.to_string())
            .env("ADDRESS", address.as_ref().map(IpAddr::to_string).unwrap_or_default())
            .stdin(Stdio::null());
        // What is typed to end us does not end it: it has its second.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        // Our standard output may be documents, which somebody reads.
        if is_heard {
            command.stdout(io::stderr());
        } else {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        command
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Direct(text, _) | Self::Shell(text)) = self;
        write!(f, "'{}'", text.to_string_lossy())
    }
}

/// What a notice is about: a mapping, or what is left of it elsewhere, of which the one says nothing of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Mapping(usize),
    LeftBehind(usize),
}

/// Runs a command, on a thread of its own.
#[derive(Debug)]
pub(super) struct Exec {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    program: Program,
    is_heard: bool,
    /// Who wants to know of troubles.
    owner: Thread,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What is to be told, of each mapping once.
    waiting: VecDeque<(Slot, Notice)>,
    troubles: Vec<String>,
    /// Since when all is over.
    ending: Option<Started>,
}

impl Exec {
    /// The thread that calls this is unparked when something goes wrong.
    pub(super) fn start(program: Program, is_silent: bool) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            program,
            is_heard: !is_silent,
            owner: thread::current(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("exec".into())
            .spawn(move || own.serve())
            .map_err(|error| Failure::io("cannot start a thread for '--exec'", &error))?;
        Ok(Self { shared, thread })
    }

    /// Runs it soon; in place of what waits to be told of the same.
    pub(super) fn run(&self, slot: Slot, notice: Notice) {
        let mut state = self.shared.lock();
        match state.waiting.iter_mut().find(|(other, _)| *other == slot) {
            Some((_, waiting)) => *waiting = notice,
            None => state.waiting.push_back((slot, notice)),
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// What has gone wrong since somebody asked.
    pub(super) fn troubles(&self) -> Vec<String> {
        core::mem::take(&mut self.shared.lock().troubles)
    }

    /// Lets it tell what is left to tell, within the time that there is; what runs longer is killed.
    pub(super) fn finish(self) -> Vec<String> {
        self.shared.lock().ending = Some(Started::now());
        self.shared.changed.notify_all();
        // It ends soon after its time is over.
        let _ = self.thread.join();
        core::mem::take(&mut self.shared.lock().troubles)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        while let Some(notice) = self.next() {
            if let Err(trouble) = self.run(&notice) {
                let Notice { event, protocol, .. } = notice;
                self.trouble(format!("{}: {trouble} ({protocol} {event})", self.program));
            }
        }
    }

    /// Waits for something to tell; `None` when all is told, or there is no more time.
    fn next(&self) -> Option<Notice> {
        let mut state = self.lock();
        loop {
            if state.is_over() {
                return None;
            }
            if let Some((_, notice)) = state.waiting.pop_front() {
                return Some(notice);
            }
            if state.ending.is_some() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Runs it to its end, or to ours.
    fn run(&self, notice: &Notice) -> Result<(), String> {
        let cannot = |error: &io::Error| format!("cannot be run: {}", explained(error));
        let mut command = self.program.command(notice, self.is_heard);
        let mut child = command.spawn().map_err(|error| cannot(&error))?;
        let mut pause = FIRST_LOOK;
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("failed: {status}")),
                Ok(None) => {}
                Err(error) => return Err(cannot(&error)),
            }
            let state = self.lock();
            if state.is_over() {
                drop(state);
                return Err(kill(&mut child));
            }
            drop(self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner));
            pause = pause.saturating_mul(2).min(LAST_LOOK);
        }
    }

    fn trouble(&self, trouble: String) {
        let mut state = self.lock();
        if state.troubles.len() < MOST_TROUBLES {
            state.troubles.push(trouble);
        }
        drop(state);
        self.owner.unpark();
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.ending.is_some_and(|since| since.elapsed() >= GRACE)
    }
}

fn kill(child: &mut Child) -> String {
    // It may have ended just now.
    let _ = child.kill();
    let _ = child.wait();
    "did not end in time, and was killed".to_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    const FIRST: Notice = Notice {
        event: "mapped",
        protocol: "udp",
        port: NonZeroU16::new(1),
        internal_port: NonZeroU16::MIN,
        address: None,
    };

    /// A directory of its own.
    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        path
    }

    fn at(port: u16) -> Notice {
        Notice { port: NonZeroU16::new(port), ..FIRST }
    }

    #[test]
    fn what_changes_while_it_runs_is_told_once_by_the_latest_of_each_mapping() {
        let directory = directory("exec");
        let place = directory.display();
        let script = format!(
            r#"echo "$PORT" >> {place}/log; while [ ! -e {place}/go ]; do sleep 0.01; done; [ "$PORT" != 3 ]"#
        );
        let exec = Exec::start(Program::Shell(script.into()), true).unwrap();
        exec.run(Slot::Mapping(0), at(1));
        while !directory.join("log").exists() {
            thread::yield_now();
        }
        for (slot, port) in
            [(Slot::Mapping(0), 2), (Slot::Mapping(1), 4), (Slot::Mapping(0), 3), (Slot::LeftBehind(0), 9)]
        {
            exec.run(slot, at(port));
        }
        fs::write(directory.join("go"), "").unwrap();
        let troubles = exec.finish();
        assert_eq!(fs::read_to_string(directory.join("log")).unwrap(), "1\n3\n4\n9\n");
        assert!(troubles.len() == 1 && troubles[0].ends_with("failed: exit status: 1 (udp mapped)"));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_does_not_end_is_killed_at_the_end_and_what_waits_is_not_begun() {
        let began = Started::now();
        let exec = Exec::start(Program::Direct("sleep".into(), vec!["1000".into()]), true).unwrap();
        exec.run(Slot::Mapping(0), FIRST);
        exec.run(Slot::Mapping(1), FIRST);
        let troubles = exec.finish();
        assert!(troubles.len() == 1 && troubles[0].contains("was killed"), "{troubles:?}");
        assert!(began.elapsed() < GRACE * 5, "{:?}", began.elapsed());
    }

    #[test]
    fn what_cannot_be_run_is_told() {
        let exec = Exec::start(Program::Direct("/no/such/program".into(), Vec::new()), true).unwrap();
        exec.run(Slot::Mapping(0), FIRST);
        let troubles = exec.finish();
        assert!(troubles.len() == 1 && troubles[0].contains("'/no/such/program': cannot be run"));
    }
}
