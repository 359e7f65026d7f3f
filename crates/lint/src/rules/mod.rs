//! Every rule, one file each.

mod dp001_unreadable;
mod dp002_duplicate_key;
mod dp003_unused_suppression;
mod dp101_unknown_policy;
mod dp102_none_without_nameservers;
mod dp103_too_many_nameservers;
mod dp104_nameserver_not_an_address;
mod dp105_search_list_too_long;
mod dp106_invalid_search_entry;
mod dp107_option_without_name;
mod dp108_option_value_not_a_string;
mod dp109_wrong_shape;
mod dp110_unknown_field;
mod dp201_unknown_option;
mod dp202_value_in_the_name;
mod dp203_number_expected;
mod dp204_flag_with_value;
mod dp205_beyond_the_clamp;
mod dp206_option_twice;
mod dp207_no_effect_in_musl;
mod dp208_obsolete_option;
mod dp209_ndots_zero;
mod dp210_stall_too_long;
mod dp211_zero_timeout;
mod dp212_use_vc;
mod dp213_single_request;
mod dp214_rotate_unlike_servers;
mod dp215_no_aaaa;
mod dp216_redundant_ndots;
mod dp301_host_network_cluster_first;
mod dp302_with_host_net_alone;
mod dp303_cluster_name_without_cluster_dns;
mod dp304_none_without_searches;
mod dp305_none_without_ndots;
mod dp306_mixed_servers;
mod dp307_servers_cut;
mod dp308_hard_coded_server;
mod dp309_loopback_server;
mod dp310_same_server_twice;
mod dp311_public_server_cluster_suffix;
mod dp312_dns_server_asks_itself;
mod dp313_bootstrap_needs_cluster_dns;
mod dp401_own_suffix_repeated;
mod dp402_dotted_duplicate;
mod dp403_wrong_cluster_domain;
mod dp404_foreign_namespace;
mod dp405_search_line_too_long;
mod dp406_root_in_searches;
mod dp407_suffix_answers_everything;
mod dp408_public_zone_as_suffix;
mod dp409_too_many_suffixes;
mod dp410_namespace_is_a_tld;
mod dp411_service_captures_name;
mod dp501_search_waste;
mod dp502_lower_ndots;
mod dp503_full_name_searched;
mod dp504_ndots_too_low;
mod dp505_half_qualified_name;
mod dp506_short_external_name;
mod dp507_name_too_long;
mod dp508_dot_breaks_clients;
mod dp509_dot_refused;
mod dp510_external_name_pitfall;
mod dp511_alias_shadows_name;
mod dp601_resolv_conf_edited;
mod dp602_policy_forgets_dns;
mod dp603_probe_uses_dig;
mod dp604_resolv_conf_mounted;
mod dp605_windows_options;
mod dp606_ndots_required;
mod dp607_kind_ignores_dns_config;

mod captured;
mod search_entry;
mod servers;

use crate::case::Case;
use crate::diagnostic::{Change, Edit};
use crate::manifest::{Object, OptionEntry};
use crate::rule::{self, Rule};
use crate::yaml::Span;

/// All rules, by code.
pub static RULES: [&Rule; 71] = [
    &dp001_unreadable::RULE,
    &dp002_duplicate_key::RULE,
    &dp003_unused_suppression::RULE,
    &dp101_unknown_policy::RULE,
    &dp102_none_without_nameservers::RULE,
    &dp103_too_many_nameservers::RULE,
    &dp104_nameserver_not_an_address::RULE,
    &dp105_search_list_too_long::RULE,
    &dp106_invalid_search_entry::RULE,
    &dp107_option_without_name::RULE,
    &dp108_option_value_not_a_string::RULE,
    &dp109_wrong_shape::RULE,
    &dp110_unknown_field::RULE,
    &dp201_unknown_option::RULE,
    &dp202_value_in_the_name::RULE,
    &dp203_number_expected::RULE,
    &dp204_flag_with_value::RULE,
    &dp205_beyond_the_clamp::RULE,
    &dp206_option_twice::RULE,
    &dp207_no_effect_in_musl::RULE,
    &dp208_obsolete_option::RULE,
    &dp209_ndots_zero::RULE,
    &dp210_stall_too_long::RULE,
    &dp211_zero_timeout::RULE,
    &dp212_use_vc::RULE,
    &dp213_single_request::RULE,
    &dp214_rotate_unlike_servers::RULE,
    &dp215_no_aaaa::RULE,
    &dp216_redundant_ndots::RULE,
    &dp301_host_network_cluster_first::RULE,
    &dp302_with_host_net_alone::RULE,
    &dp303_cluster_name_without_cluster_dns::RULE,
    &dp304_none_without_searches::RULE,
    &dp305_none_without_ndots::RULE,
    &dp306_mixed_servers::RULE,
    &dp307_servers_cut::RULE,
    &dp308_hard_coded_server::RULE,
    &dp309_loopback_server::RULE,
    &dp310_same_server_twice::RULE,
    &dp311_public_server_cluster_suffix::RULE,
    &dp312_dns_server_asks_itself::RULE,
    &dp313_bootstrap_needs_cluster_dns::RULE,
    &dp401_own_suffix_repeated::RULE,
    &dp402_dotted_duplicate::RULE,
    &dp403_wrong_cluster_domain::RULE,
    &dp404_foreign_namespace::RULE,
    &dp405_search_line_too_long::RULE,
    &dp406_root_in_searches::RULE,
    &dp407_suffix_answers_everything::RULE,
    &dp408_public_zone_as_suffix::RULE,
    &dp409_too_many_suffixes::RULE,
    &dp410_namespace_is_a_tld::RULE,
    &dp411_service_captures_name::RULE,
    &dp501_search_waste::RULE,
    &dp502_lower_ndots::RULE,
    &dp503_full_name_searched::RULE,
    &dp504_ndots_too_low::RULE,
    &dp505_half_qualified_name::RULE,
    &dp506_short_external_name::RULE,
    &dp507_name_too_long::RULE,
    &dp508_dot_breaks_clients::RULE,
    &dp509_dot_refused::RULE,
    &dp510_external_name_pitfall::RULE,
    &dp511_alias_shadows_name::RULE,
    &dp601_resolv_conf_edited::RULE,
    &dp602_policy_forgets_dns::RULE,
    &dp603_probe_uses_dig::RULE,
    &dp604_resolv_conf_mounted::RULE,
    &dp605_windows_options::RULE,
    &dp606_ndots_required::RULE,
    &dp607_kind_ignores_dns_config::RULE,
];

/// The rule of a code.
pub fn find(code: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.code == code)
}

/// The value of an option as a whole number.
fn number(option: &OptionEntry<'_>) -> Option<u64> {
    let value = option.value().filter(|value| value.bytes().all(|b| b.is_ascii_digit()))?;
    Some(value.parse().unwrap_or(u64::MAX))
}

/// True for a value that was meant to switch something off.
fn is_off(value: &str) -> bool {
    ["false", "0", "no", "off", "n", "disabled"].contains(&value.to_ascii_lowercase().as_str())
}

/// Flags in force among some names, with their places; one that was meant to be off is another rule's.
fn flags<'a>(case: &Case<'a>, names: &[&str]) -> Vec<(&'a str, Span)> {
    let options = case.pod.dns.options().into_iter();
    let on = options.filter(|option| !option.value().is_some_and(is_off));
    on.filter_map(|option| Some((option.name()?, option.name?.span)))
        .filter(|(name, _)| names.contains(name))
        .collect()
}

/// The edit that gives the pod an `ndots`, for a finding in the text of `object`; `None` where that is another text
/// than the pod's, or the manifest's shape offers no clear place.
fn set_ndots(case: &Case<'_>, object: &Object, ndots: u32) -> Option<Edit> {
    if object.path != case.pod.object.path {
        return None;
    }
    let dns = &case.pod.dns;
    let lines = |lines: &[&str]| -> Vec<String> {
        let value = format!("value: \"{ndots}\"");
        lines.iter().map(|line| line.replace("VALUE", &value)).collect()
    };
    if let Some(option) = dns.option("ndots") {
        let value = option.value.filter(|value| value.text().is_some())?;
        return Some(rule::edit(value.span, Change::Replace(format!("\"{ndots}\""))));
    }
    if let Some(first) = dns.options().first() {
        return Some(rule::edit(first.item.span, Change::AddItem(lines(&["name: ndots", "VALUE"]))));
    }
    let entry = ["options:", "- name: ndots", "  VALUE"];
    match (&dns.config, dns.config()) {
        (None, _) => {
            let nested: Vec<String> = entry.iter().map(|line| format!("  {line}")).collect();
            let mut whole = vec!["dnsConfig:"];
            whole.extend(nested.iter().map(String::as_str));
            Some(rule::edit(case.pod.span, Change::AddEntry(lines(&whole))))
        }
        (Some(_), Some(config)) if !config.entries().is_empty() && config.entry("options").is_none() => {
            Some(rule::edit(config.span, Change::AddEntry(lines(&entry))))
        }
        _ => None,
    }
}
