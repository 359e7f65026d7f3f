//! Finds the names that a value makes its reader look up.
//!
//! A host is the authority of `scheme://`, the front of `host:port`, or a whole value (or element of a list) that has
//! the form of a name. Whether such a name is a cluster's, an external or none at all is decided later, when the
//! Services of the whole input are known.

use super::Place;
use crate::yaml::beginning;

/// More names of one object are not looked at: a hundred times what an honest one holds. What every pod costs is names
/// times pods that read them.
pub(crate) const MAX_NAMES: usize = 10_000;

/// A name in the pod's inputs.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    /// Without a dot at its end, lower case.
    pub(crate) host: Box<str>,
    /// It was written with a dot at its end.
    pub(crate) absolute: bool,
    pub(crate) form: Form,
    pub(crate) place: Place,
}

/// How a name was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    Url(Scheme),
    HostPort,
    /// A value of its own; the key says whether a host is meant.
    Bare(Meaning),
}

/// What is spoken to the host of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// HTTP, or something else that sends the name along: in a header, or in the handshake of TLS.
    NamesHost,
    Other,
}

impl Scheme {
    fn of(scheme: &str) -> Scheme {
        let names_host = ["http", "https", "ws", "wss", "grpcs"].contains(&scheme);
        if names_host { Scheme::NamesHost } else { Scheme::Other }
    }
}

/// What the key of a value says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Meaning {
    /// `DB_HOST`, `--server` …
    Host,
    Unknown,
}

/// A host found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) host: String,
    pub(super) absolute: bool,
    pub(super) form: Form,
}

/// Values of such keys are compared, not looked up (as part of the key in capitals, `-` and `.` as `_`).
const COMPARED: [&str; 23] = [
    "CORS",
    "ORIGIN",
    "ALLOWED_HOSTS",
    "ALLOWEDHOSTS",
    "COOKIE",
    "NO_PROXY",
    "NOPROXY",
    "DRIVER_NAME",
    "DRIVERNAME",
    "PROVISIONER",
    "CLASS",
    "LEASE",
    "ISSUER",
    "AUDIENCE",
    "IMAGE",
    "USER_AGENT",
    "EMAIL",
    "LABEL",
    "ANNOTATION",
    "FINALIZER",
    "API_GROUP",
    "NON_PROXY",
    "NONPROXY",
];

/// Words in a key that say its value is a host.
const HOST_WORDS: [&str; 15] = [
    "HOST", "HOSTNAME", "SERVER", "SERVERS", "ADDR", "ADDRESS", "ENDPOINT", "URL", "URI", "BROKER",
    "BROKERS", "HOSTS", "UPSTREAM", "TARGET", "BACKEND",
];

/// Schemes whose authority is no host to look up.
const NO_HOST_SCHEMES: [&str; 20] = [
    "unix",
    "file",
    "s3",
    "s3a",
    "s3n",
    "gs",
    "gcs",
    "az",
    "abfs",
    "abfss",
    "wasb",
    "wasbs",
    "spiffe",
    "vault",
    "secret",
    "data",
    "classpath",
    "oci",
    "docker",
    "mailto",
];

/// Hosts that stand in documents as identifiers and are never looked up.
const IDENTIFIERS: [&str; 8] = [
    "www.w3.org",
    "json-schema.org",
    "schemas.xmlsoap.org",
    "schemas.microsoft.com",
    "java.sun.com",
    "xmlns.jcp.org",
    "xml.apache.org",
    "logback.qos.ch",
];

/// Top-level domains that are far more often the end of a file name.
const FILE_ENDINGS: [&str; 14] =
    ["sh", "py", "pl", "rs", "md", "so", "ps", "cc", "mk", "zip", "mov", "pm", "tf", "properties"];

/// A longer name is none, in bytes: four times what fits into a question (RFC 1035 section 3.1).
const MAX_NAME: usize = 1020;

/// A value longer than this, in bytes, is a document: only its URLs are worth a look, and not all of it.
const MAX_VALUE: usize = 256 * 1024;

/// The hosts of a value, in order, each once. `key` is the environment variable, flag or file name it belongs to.
pub(super) fn hosts_of(text: &str, key: Option<&str>) -> Vec<Found> {
    if is_surely_none(text, key) || is_templated(text) {
        return Vec::new();
    }
    let meaning = if key.is_some_and(means_host) { Meaning::Host } else { Meaning::Unknown };
    let mut found = Vec::new();
    let words: Vec<&str> =
        beginning(text, MAX_VALUE).lines().filter(|line| !is_comment(line)).flat_map(words).collect();
    let prose = words.len() > 1 && !words.iter().all(|word| list(word).all(is_listed));
    for word in words {
        if word.contains("://") {
            urls(word, &mut found);
        } else {
            list(word).for_each(|part| from_part(part, meaning, Whole::from(prose), &mut found));
        }
    }
    if found.is_empty() || key.is_some_and(is_compared) {
        return Vec::new();
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|one| seen.insert((one.host.clone(), one.absolute)));
    found
}

/// Most values hold neither a dot nor a colon: such a value is a host only when it is one word and its key says so.
fn is_surely_none(text: &str, key: Option<&str>) -> bool {
    let bare = !text.bytes().any(|b| b == b'.' || b == b':' || b == b'=');
    bare && (text.contains(' ') || !key.is_some_and(means_host))
}

/// Values with a part that is filled in later.
fn is_templated(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| matches!(pair, b"$(" | b"${" | b"{{"))
}

/// Whether a part is all there is, or a word among others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Value,
    Word,
}

impl From<bool> for Whole {
    fn from(prose: bool) -> Self {
        if prose { Whole::Word } else { Whole::Value }
    }
}

fn normal(key: &str) -> String {
    key.trim_start_matches('-').to_ascii_uppercase().replace(['-', '.'], "_")
}

fn is_compared(key: &str) -> bool {
    let key = normal(key);
    COMPARED.iter().any(|word| key.contains(word))
}

fn means_host(key: &str) -> bool {
    let key = normal(key);
    key.split('_').any(|part| HOST_WORDS.iter().any(|word| part == *word || part.ends_with(word)))
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#') || line.starts_with("//")
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
        .map(|word| word.trim_matches(|c| "\"'`()[]<>".contains(c)))
        .filter(|word| !word.is_empty())
}

fn list(word: &str) -> impl Iterator<Item = &str> {
    word.split([',', ';']).map(|part| part.trim_matches(['"', '\''])).filter(|part| !part.is_empty())
}

/// True for a part that may stand in a list of hosts.
fn is_listed(part: &str) -> bool {
    part.contains("://") || host_port(part).is_some() || (part.contains('.') && name(part).is_some())
}

/// The authorities of all URLs in a word.
fn urls(word: &str, found: &mut Vec<Found>) {
    let mut rest = word;
    while let Some(at) = rest.find("://") {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
        let scheme = &rest[rest[..at].trim_end_matches(is_scheme).len()..at];
        let scheme = scheme.to_ascii_lowercase();
        let behind = &rest[at + 3..];
        // gRPC names the target in the path: `dns:///host:port`.
        let behind = if scheme == "dns" { behind.trim_start_matches('/') } else { behind };
        let mut end = behind
            .find(|c: char| "/?#\\\"'`<>(){}|".contains(c) || c.is_whitespace())
            .unwrap_or(behind.len());
        // `http://a,http://b`: the next URL's scheme is no host.
        if behind[..end].ends_with(':') && behind[end..].starts_with("//") {
            end = behind[..end].rfind(',').unwrap_or(end);
        }
        if !NO_HOST_SCHEMES.contains(&scheme.as_str()) && !scheme.is_empty() {
            authority(&behind[..end], &scheme, found);
        }
        // What follows the path may be the next URL of a list; a URL inside a query string is not looked up here.
        let behind = &behind[end..];
        rest = behind.find(',').map_or("", |comma| &behind[comma..]);
    }
}

/// `user:password@host:port,host:port;parameters`
fn authority(text: &str, scheme: &str, found: &mut Vec<Found>) {
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let text = text.split(';').next().unwrap_or_default();
    for host in text.split(',') {
        let host = host.split(':').next().unwrap_or_default();
        push(host, Form::Url(Scheme::of(scheme)), found);
    }
}

fn from_part(part: &str, meaning: Meaning, whole: Whole, found: &mut Vec<Found>) {
    if let Some((_, inside)) = part.split_once('@').and_then(|(_, rest)| rest.split_once("tcp(")) {
        let host = inside.split(')').next().unwrap_or_default();
        return from_part(host, Meaning::Host, Whole::Value, found);
    }
    // Oracle: `jdbc:oracle:thin:@//host:port/service` and `@host:port:sid`.
    if let Some((_, rest)) = part.strip_prefix("jdbc:").and_then(|rest| rest.split_once(":@")) {
        let host = rest.trim_start_matches('/').split([':', '/']).next().unwrap_or_default();
        return push(host, Form::HostPort, found);
    }
    if let Some((key, value)) = part.split_once('=') {
        let is_key = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if is_key && !is_compared(key) {
            let meaning = if means_host(key) { Meaning::Host } else { Meaning::Unknown };
            from_part(value.trim_matches(['"', '\'']), meaning, Whole::Value, found);
        }
    } else if let Some(host) = host_port(part) {
        push(host, Form::HostPort, found);
    } else if whole == Whole::Value && name(part).is_some() {
        push(part, Form::Bare(meaning), found);
    }
}

/// The front of `host:port`.
fn host_port(part: &str) -> Option<&str> {
    let (host, number) = part.rsplit_once(':')?;
    let is_port =
        number.len() <= 5 && number.parse::<u16>().is_ok_and(|port| port > 0) && !number.starts_with('+');
    (is_port && name(host).is_some()).then_some(host)
}

/// The name without its last dot, when it has the form of one: not an address, a path, a pattern or a file.
fn name(text: &str) -> Option<&str> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let last = text.rsplit('.').next()?;
    let lettered = last.bytes().any(|b| b.is_ascii_alphabetic());
    (text.split('.').all(label) && lettered).then_some(text)
}

fn push(text: &str, form: Form, found: &mut Vec<Found>) {
    let Some(host) = name(text).filter(|host| host.len() <= MAX_NAME) else { return };
    let host = host.to_ascii_lowercase();
    if host == "localhost" || IDENTIFIERS.contains(&host.as_str()) {
        return;
    }
    if matches!(form, Form::Bare(_)) && (is_file(text) || is_reversed(&host) || is_api_group(&host)) {
        return;
    }
    found.push(Found { host, absolute: text.ends_with('.'), form });
}

fn is_file(text: &str) -> bool {
    let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    FILE_ENDINGS.contains(&last) || last.bytes().any(|b| b.is_ascii_uppercase())
}

/// `com.example.app`: a package, not a host.
fn is_reversed(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let public = ["com", "org", "net", "io", "edu", "gov"];
    labels.len() > 2
        && (["com", "org", "edu", "gov"].contains(&labels[0])
            || (["io", "net"].contains(&labels[0]) && !public.contains(&labels[labels.len() - 1])))
}

/// Names of drivers, groups and leases have the form of hosts and are none.
fn is_api_group(host: &str) -> bool {
    let groups = [
        ".k8s.io",
        ".x-k8s.io",
        "kubernetes.io",
        ".openshift.io",
        ".knative.dev",
        ".istio.io",
        ".tekton.dev",
    ];
    host.split('.').any(|label| label == "csi") || groups.iter().any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str, key: Option<&str>) -> Vec<String> {
        let dot = |found: Found| if found.absolute { format!("{}.", found.host) } else { found.host };
        hosts_of(text, key).into_iter().map(dot).collect()
    }

    #[test]
    fn hosts_are_found_in_the_forms_people_write() {
        for (text, expected) in [
            ("https://api.example.com/v1?x=https://no.example.org", "api.example.com"),
            ("http://u:p%40@api.example.com:8080", "api.example.com"),
            ("jdbc:postgresql://db.orders:5432/x", "db.orders"),
            ("jdbc:sqlserver://db.orders:1433;databaseName=x", "db.orders"),
            ("user:pw@tcp(db.example.com:3306)/shop", "db.example.com"),
            ("mongodb://a.orders:27017,b.orders:27017/x", "a.orders b.orders"),
            ("kafka-0.kafka:9092,kafka-1.kafka:9092", "kafka-0.kafka kafka-1.kafka"),
            ("a.example.com, b.example.com", "a.example.com b.example.com"),
            ("http://a.example.com,http://b.example.com/x", "a.example.com b.example.com"),
            ("example.com.", "example.com."),
            ("--host=example.org", "example.org"),
            ("host=db.example.com port=5432", "db.example.com"),
            ("set -e\ncurl -s http://redis:6379/x # done\n# see https://docs.example.com", "redis"),
            ("grpc://svc.ns:50051", "svc.ns"),
            ("dns:///svc.ns:50051", "svc.ns"),
            ("jdbc:oracle:thin:@//db.example.com:1521/x", "db.example.com"),
            ("jdbc:oracle:thin:@db.example.com:1521:sid", "db.example.com"),
        ] {
            assert_eq!(hosts(text, Some("DB_HOST")).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_host_is_left_alone() {
        for text in [
            "entrypoint.sh",
            "me@example.com",
            "quay.io/org/app:1.2",
            "/etc/example.com",
            "unix:///run/x.sock",
            "example.io/name",
            "*.example.com",
            "http://$(HOST).example.com",
            "http://${HOST}.example.com",
            "{{ .Values.host }}.example.com",
            "10.0.0.1:53",
            "s3://bucket.example.com/x",
            "com.example.Main",
            "org.apache.kafka",
            "cinder.csi.openstack.org",
            "scheduling.k8s.io",
            "run toolbox.sh.",
            "ä://a.example.com",
            "Please ask example.com for help",
            "1.2.3",
            "http://localhost:80",
        ] {
            assert_eq!(hosts(text, None), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn compared_values_are_not_looked_up() {
        for key in
            ["CORS_DOMAINS", "allowed-origin", "ALLOWED_HOSTS", "no_proxy", "--driver-name", "LEASE_NAME"]
        {
            assert_eq!(hosts("https://a.example.com", Some(key)), Vec::<String>::new(), "{key}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_searched(text in "[-a-z.:/@=,;(){}$\"' \\n\u{e4}]{0,80}") {
            for found in hosts_of(&text, Some("X_HOST")) {
                proptest::prop_assert!(!found.host.is_empty());
            }
        }
    }
}
