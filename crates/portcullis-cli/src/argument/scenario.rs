//! The name of a simulated gateway.

use portcullis_sim::Scenario;

/// What is simulated where no name is given.
pub(crate) const DEFAULT: &str = "igd2";

/// Finds a scenario by its name.
pub(crate) fn parse(name: &str) -> Result<Scenario, String> {
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
