//! How what happens is shown: an event a line, or a line for each mapping that stays where it is on a terminal.

use super::change_report::ChangeReport;
use crate::argument::duration::duration_in_words;
use crate::cmd::journal_report::in_whole_seconds;
use crate::output::Output;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use portcullis::{ChangeKind, Time};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// How often the time that is left is shown anew.
const SECOND: Duration = Duration::from_secs(1);

pub(in crate::cmd) enum View {
    Lines(Lines),
    Live(Live),
}

/// An event a line.
pub(in crate::cmd) struct Lines {
    output: Output,
    /// Whether people have been told already that the mappings were made.
    knows_mapped: bool,
    /// Whether all is over when nobody reads any more.
    must_be_read: bool,
    /// Nothing more can be written.
    is_closed: bool,
}

/// A line for each mapping.
pub(in crate::cmd) struct Live {
    lines: MultiProgress,
    rows: Vec<Row>,
}

struct Row {
    bar: ProgressBar,
    place: String,
    state: &'static str,
    expires: Option<Time>,
    last: String,
}

impl View {
    /// For a command whose work is done as long as the ports are open: it has told that they are.
    pub(in crate::cmd) fn beside_report(output: Output) -> Self {
        Self::Lines(Lines { output, knows_mapped: true, must_be_read: false, is_closed: false })
    }

    /// For a command that is there to show what happens to mappings of these names.
    pub(in crate::cmd) fn of(names: &[String], output: Output) -> Self {
        if Self::would_be_live(output) {
            return Self::Live(Live::start(names));
        }
        Self::Lines(Lines { output, knows_mapped: false, must_be_read: true, is_closed: false })
    }

    /// Shows what happened to a mapping; fails when nobody is left to show it to, who has to be there.
    pub(super) fn show(
        &mut self,
        index: usize,
        kind: ChangeKind,
        report: &ChangeReport,
        expires: Option<Time>,
    ) -> io::Result<()> {
        match self {
            Self::Lines(lines) => lines.show(kind, report),
            Self::Live(live) => {
                live.show(index, kind, report, expires);
                Ok(())
            }
        }
    }

    /// Whether [`of`](Self::of) takes a place of its own on a terminal, which nobody else is to write to.
    pub(in crate::cmd) fn would_be_live(output: Output) -> bool {
        output.is_for_people() && io::stdout().is_terminal()
    }

    /// Says something else.
    pub(super) fn beside(&self, say: impl FnOnce()) {
        match self {
            Self::Lines(_) => say(),
            Self::Live(live) => live.lines.suspend(say),
        }
    }

    /// Brings up to date what changes with time alone; says when to do so again.
    pub(super) fn tick(&self, now: Time) -> Option<Duration> {
        match self {
            Self::Lines(_) => None,
            Self::Live(live) => {
                live.rows.iter().for_each(|row| row.draw(now));
                Some(SECOND)
            }
        }
    }

    /// Leaves what was shown last where it is.
    pub(super) fn end(&self, now: Time) {
        if let Self::Live(live) = self {
            live.rows.iter().for_each(|row| row.bar.finish_and_clear());
            // A terminal that is gone is nobody's loss.
            let mut out = io::stdout().lock();
            let _ = live.rows.iter().try_for_each(|row| writeln!(out, "{}", row.text(now)));
        }
    }
}

impl Lines {
    fn show(&mut self, kind: ChangeKind, report: &ChangeReport) -> io::Result<()> {
        let is_known = self.knows_mapped && kind == ChangeKind::Mapped && self.output.is_for_people();
        if is_known || self.is_closed {
            return Ok(());
        }
        match self.output.report_event(report) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                if self.must_be_read { Err(error) } else { Ok(()) }
            }
            // An open port is worth more than the telling of it.
            Err(error) => {
                self.output.warn(&format!("cannot write to standard output: {error}"));
                Ok(())
            }
        }
    }
}

impl Live {
    fn start(names: &[String]) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let style = ProgressStyle::with_template("{wide_msg}").ok();
        let rows = names.iter().map(|name| {
            let bar = lines.add(ProgressBar::new_spinner());
            if let Some(style) = &style {
                bar.set_style(style.clone());
            }
            let last = "no gateway has answered yet".to_owned();
            Row { bar, place: name.clone(), state: "asking", expires: None, last }
        });
        let rows: Vec<_> = rows.collect();
        rows.iter().for_each(|row| row.draw(Time::ZERO));
        Self { lines, rows }
    }

    fn show(&mut self, index: usize, kind: ChangeKind, report: &ChangeReport, expires: Option<Time>) {
        let Some(row) = self.rows.get_mut(index) else { return };
        if kind == ChangeKind::LeftBehind {
            // What stands is another.
            let (what, left) = (report.what(), report.left_in_words());
            row.last = format!("{what}{left} after {}", report.elapsed_in_words());
            return;
        }
        row.place = report.place();
        row.state = report.state();
        row.expires = expires;
        row.last = format!("{} after {}", report.what(), report.elapsed_in_words());
    }
}

impl Row {
    fn draw(&self, now: Time) {
        self.bar.set_message(self.text(now));
    }

    fn text(&self, now: Time) -> String {
        let Self { place, state, expires, last, .. } = self;
        let left = expires.map(|at| in_whole_seconds(at - now)).filter(|&left| left > 0);
        let left = left.map(|left| format!("{} left", duration_in_words(Duration::from_secs(left))));
        format!("{place:<28} {state:<9} {:<16} {last}", left.unwrap_or_default())
    }
}
