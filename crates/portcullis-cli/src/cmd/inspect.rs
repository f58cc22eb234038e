//! `portcullis inspect`: reads a saved description, without any network.

use super::device_report::DeviceReport;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output::Report;
use clap::{Args, ValueHint};
use portcullis::igd::saved::SavedDescription;
use portcullis::{ErrorKind, HttpUrl};
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// More than any reply that is read from the network.
const MOST: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  portcullis inspect rootDesc.xml --url http://192.168.1.1:5000/rootDesc.xml
  curl -si http://192.168.1.1:5000/rootDesc.xml | portcullis inspect -";

/// Reads a saved device description and tells what the device is good for
///
/// FILE is a description, or a whole HTTP reply (it begins with 'HTTP/'); no network is used. Without --url
/// control URLs are shown by the description's own URLBase, else without a host.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InspectArgs {
    /// The file, or - for standard input (1 MiB at most)
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Where the description came from
    #[arg(long, value_name = "LOCATION", value_parser = HttpUrl::parse, value_hint = ValueHint::Url)]
    url: Option<HttpUrl>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct InspectReport(DeviceReport);

impl Report for InspectReport {
    fn write_for_people(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.write_for_people(out)
    }
}

pub(crate) fn run(arguments: InspectArgs, context: &Context) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let bytes = read(&arguments.file).map_err(|error| Failure::io(&name, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST {
        return Err(no_description(&name, "larger than 1 MiB"));
    }
    let saved = SavedDescription::read(&bytes, arguments.url.clone())
        .map_err(|error| no_description(&name, &error.to_string()))?;
    context.output.report(&InspectReport(DeviceReport::saved(&saved, arguments.url.as_ref())))
}

/// A file that cannot be used is nobody's refusal: no gateway was asked.
fn no_description(name: &str, why: &str) -> Failure {
    let message =
        format!("{name}: {why}; give the XML, or the whole reply, of the location that 'discover' prints");
    let mut failure = Failure::new(ErrorKind::Malformed, &message);
    failure.status = ExitCode::Failure;
    failure
}

/// Reads one byte more than is allowed, at most.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MOST.saturating_add(1);
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
