//! The name of a simulated gateway.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use portcullis_sim::Scenario;
use std::ffi::OsStr;

/// What is simulated where no name is given.
pub(crate) const DEFAULT: &str = "igd2";

/// Finds a scenario by its name, and offers all names to a shell that completes them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScenarioParser;

impl TypedValueParser for ScenarioParser {
    type Value = Scenario;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Scenario, clap::Error> {
        // Not by clap's own list of possible values, which would be the whole of a long message.
        parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(
            Scenario::all().map(|scenario| PossibleValue::new(scenario.name()).help(scenario.summary())),
        ))
    }
}

fn parse(name: &str) -> Result<Scenario, String> {
    name.parse()
        .map_err(|_| "no such scenario; 'portcullis simulate --list-scenarios' names them all".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_simulators_own() {
        assert_eq!(DEFAULT, Scenario::default().name());
        assert_eq!(parse(DEFAULT).unwrap().name(), DEFAULT);
        assert!(parse("no-such").is_err());
    }
}
