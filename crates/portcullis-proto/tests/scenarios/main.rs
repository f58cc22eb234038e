//! The client against simulated gateways, one behaviour a file: in memory, in virtual time.

// Clippy sees the helpers as part of tests only where this is said.
#[cfg(test)]
#[path = "../common/pair/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared by test binaries that each use a part of it")]
mod pair;

#[cfg(test)]
mod cancel_cleans_up;
#[cfg(test)]
mod cancelled_races;
#[cfg(test)]
mod choosing_between_services;
#[cfg(test)]
mod chosen_interface;
#[cfg(test)]
mod close_only_what_is_ours;
#[cfg(test)]
mod closing_and_addresses;
#[cfg(test)]
mod conflict_policies;
#[cfg(test)]
mod dead_device_costs_nothing;
#[cfg(test)]
mod description_fallbacks;
#[cfg(test)]
mod doubtful_add_is_read_back;
#[cfg(test)]
mod errors_name_everything;
#[cfg(test)]
mod every_scenario;
#[cfg(test)]
mod external_address_kinds;
#[cfg(test)]
mod falls_through;
#[cfg(test)]
mod first_gateway_at_once;
#[cfg(test)]
mod http_oddities;
#[cfg(test)]
mod ipv6_hosts;
#[cfg(test)]
mod journal_comes_first;
#[cfg(test)]
mod listing_ends;
#[cfg(test)]
mod lossy_link;
#[cfg(test)]
mod lossy_port_control;
#[cfg(test)]
mod main_job;
#[cfg(test)]
mod moved_gateway;
#[cfg(test)]
mod one_device;
#[cfg(test)]
mod one_map_for_all;
#[cfg(test)]
mod ownership;
#[cfg(test)]
mod permanent_lease_only;
#[cfg(test)]
mod port_control_requests;
#[cfg(test)]
mod same_port_required;
#[cfg(test)]
mod search_options;
#[cfg(test)]
mod search_retransmits;
#[cfg(test)]
mod several_gateways;
