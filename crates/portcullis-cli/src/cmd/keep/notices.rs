//! Whom changes are told to besides whoever reads the output: a command that is run, and a file with the port.

use super::exec::{Exec, Program, Slot};
use super::port_file::PortFile;
use crate::argument::port::protocol_name;
use crate::failure::Failure;
use clap::{Args, ValueHint};
use portcullis::{Change, ChangeKind, MappingRequest};
use std::ffi::OsString;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(next_help_heading = "Options for changes")]
pub(in crate::cmd) struct NoticeArgs {
    /// Run this program on each change of a port (renewals are none), with EVENT, PROTOCOL, PORT, INTERNAL_PORT and ADDRESS
    /// in its environment; PORT and ADDRESS are the external ones, and empty where none is known. One run at a time: what changes
    /// meanwhile is told by the next one, the latest of each port. Its output goes to standard error, but not beside the live view of watch. At the end it has 1 s
    #[arg(long, value_name = "PROGRAM", conflicts_with = "exec_shell", value_hint = ValueHint::CommandName)]
    exec: Option<OsString>,
    /// An argument for the program of --exec, as it is; may be repeated
    #[arg(long, value_name = "ARG", requires = "exec", allow_hyphen_values = true, value_hint = ValueHint::Other)]
    exec_arg: Vec<OsString>,
    /// As --exec, but a line for the shell: sh -c, or cmd /C on Windows; not with --exec
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    exec_shell: Option<OsString>,
    /// Keep the external port in this file, a number and a newline, and replace the file at once on each change. It is
    /// there while the port is open, and deleted when it is lost and at the end. For one PORT; where TCP and UDP are given
    /// different ports, TCP's
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    port_file: Option<PathBuf>,
}

impl NoticeArgs {
    /// The first option that was given.
    pub(in crate::cmd) fn first_given(&self) -> Option<&'static str> {
        [
            (self.exec.is_some(), "--exec"),
            (self.exec_shell.is_some(), "--exec-shell"),
            (self.port_file.is_some(), "--port-file"),
        ]
        .into_iter()
        .find_map(|(is_given, name)| is_given.then_some(name))
    }

    fn program(&self) -> Option<Program> {
        let direct = self.exec.clone().map(|path| Program::Direct(path, self.exec_arg.clone()));
        direct.or_else(|| self.exec_shell.clone().map(Program::Shell))
    }
}

/// What a command is told in its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) event: &'static str,
    pub(super) protocol: &'static str,
    pub(super) port: Option<NonZeroU16>,
    pub(super) internal_port: NonZeroU16,
    pub(super) address: Option<IpAddr>,
}

impl Notice {
    fn new(change: &Change, request: &MappingRequest) -> Self {
        let granted = change.granted.as_ref();
        Self {
            event: change.kind.as_str(),
            protocol: protocol_name(request.protocol()),
            port: granted.map(|granted| granted.external_port),
            internal_port: request.internal_port(),
            address: granted.and_then(|granted| granted.external_address),
        }
    }
}

/// Tells of changes, to nobody where nobody is named.
#[derive(Debug)]
pub(in crate::cmd) struct Notices {
    exec: Option<Exec>,
    port_file: Option<PortFile>,
}

impl Notices {
    /// Before anything is opened. The output of a command would disturb a view that is `live`, and is not shown there.
    pub(in crate::cmd) fn prepare(
        arguments: &NoticeArgs,
        names_one_port: bool,
        live: bool,
    ) -> Result<Self, Failure> {
        let port_file = match &arguments.port_file {
            Some(_) if !names_one_port => {
                return Err(Failure::usage("'--port-file <PATH>' holds one port: give one PORT with it"));
            }
            Some(path) => Some(PortFile::prepare(path)?),
            None => None,
        };
        let exec = match arguments.program() {
            Some(program) => Some(Exec::start(program, live)?),
            None => None,
        };
        Ok(Self { exec, port_file })
    }

    /// Tells what happened to a mapping; gives what is to be warned of.
    pub(super) fn tell(&mut self, index: usize, change: &Change, request: &MappingRequest) -> Option<String> {
        if let Some(exec) = self.exec.as_ref().filter(|_| change.kind != ChangeKind::Renewed) {
            let is_left = change.kind == ChangeKind::LeftBehind;
            let slot = if is_left { Slot::LeftBehind(index) } else { Slot::Mapping(index) };
            exec.run(slot, Notice::new(change, request));
        }
        self.port_file.as_mut().and_then(|file| file.tell(index, change, request.protocol()).err())
    }

    /// What has gone wrong since somebody asked.
    pub(super) fn troubles(&self) -> Vec<String> {
        self.exec.as_ref().map(Exec::troubles).unwrap_or_default()
    }

    /// All is over: waits for the command, not for long; gives what is to be warned of.
    pub(super) fn finish(self) -> Vec<String> {
        let mut troubles = self.exec.map(Exec::finish).unwrap_or_default();
        troubles.extend(self.port_file.and_then(|file| file.finish().err()));
        troubles
    }
}
