use super::*;

const NODE: &str = "nameserver 10.0.0.2\nnameserver 10.0.0.3\nsearch corp.lan. eu.corp.lan .\noptions timeout:1\n\
                    options attempts:3 rotate\n";
const OWN: [&str; 3] = ["app.svc.cluster.local", "svc.cluster.local", "cluster.local"];

fn cluster(dns: &[&str]) -> Cluster {
    Cluster {
        domain: "cluster.local".into(),
        dns: dns.iter().map(|&server| server.into()).collect(),
        limits: Limits::EXPANDED,
    }
}

fn pod(policy: DnsPolicy, network: Network, config: Option<DnsConfig>) -> PodDns {
    PodDns { policy, network, config, namespace: "app".into() }
}

fn options(pairs: &[(&str, Option<&str>)]) -> DnsConfig {
    let options =
        pairs.iter().map(|&(name, value)| DnsOption { name: name.into(), value: value.map(Into::into) });
    DnsConfig { options: options.collect(), ..DnsConfig::default() }
}

fn run(pod: &PodDns) -> Predicted {
    predict(pod, &cluster(&["10.96.0.10"]), HostFile::Text(NODE)).unwrap()
}

#[test]
fn cluster_policy_takes_only_suffixes_from_the_node() {
    let got = run(&pod(DnsPolicy::ClusterFirst, Network::Pod, None));
    assert_eq!(got.nameservers, ["10.96.0.10"]);
    assert_eq!(got.searches, [&OWN[..], &["corp.lan", "eu.corp.lan"]].concat());
    assert_eq!(got.options, ["ndots:5"]);
    assert!(got.events.is_empty());
}

#[test]
fn cluster_first_on_the_host_network_is_the_nodes_file() {
    let got = run(&pod(DnsPolicy::ClusterFirst, Network::Host, None));
    assert_eq!(got, run(&pod(DnsPolicy::Default, Network::Pod, None)));
    assert_eq!(got.options, ["attempts:3", "rotate", "timeout:1"]);
    assert_eq!(got.searches, ["corp.lan", "eu.corp.lan"]);
}

#[test]
fn with_host_net_keeps_the_cluster() {
    let got = run(&pod(DnsPolicy::ClusterFirstWithHostNet, Network::Host, None));
    assert_eq!(got, run(&pod(DnsPolicy::ClusterFirst, Network::Pod, None)));
}

#[test]
fn an_option_replaces_the_base_by_name_and_the_last_one_wins() {
    let config = options(&[("ndots", Some("2")), ("ndots", Some("3")), ("edns0", None)]);
    assert_eq!(run(&pod(DnsPolicy::ClusterFirst, Network::Pod, Some(config))).options, ["edns0", "ndots:3"]);
}

#[test]
fn an_option_without_value_still_replaces() {
    for value in [None, Some("")] {
        let config = options(&[("ndots", value)]);
        assert_eq!(run(&pod(DnsPolicy::ClusterFirst, Network::Pod, Some(config))).options, ["ndots"]);
    }
}

#[test]
fn a_value_smuggled_into_the_name_stands_beside_the_base() {
    let config = options(&[("ndots:2", None)]);
    assert_eq!(
        run(&pod(DnsPolicy::ClusterFirst, Network::Pod, Some(config))).options,
        ["ndots:2", "ndots:5"]
    );
}

#[test]
fn a_trailing_dot_is_no_duplicate() {
    let config = DnsConfig {
        searches: vec!["svc.cluster.local".into(), "svc.cluster.local.".into()],
        ..DnsConfig::default()
    };
    let got = run(&pod(DnsPolicy::ClusterFirst, Network::Pod, Some(config)));
    assert_eq!(got.searches.last().unwrap(), "svc.cluster.local.");
    assert_eq!(got.searches.len(), 6);
}

#[test]
fn the_fourth_server_is_cut_and_said() {
    let config = DnsConfig {
        nameservers: ["10.96.0.10", "1.1.1.1", "8.8.8.8"].map(Into::into).to_vec(),
        ..DnsConfig::default()
    };
    let pod = pod(DnsPolicy::ClusterFirst, Network::Pod, Some(config));
    let got = predict(&pod, &cluster(&["10.96.0.10", "10.96.0.11"]), HostFile::Text(NODE)).unwrap();
    assert_eq!(got.nameservers, ["10.96.0.10", "10.96.0.11", "1.1.1.1"]);
    assert_eq!(got.events, [Event::DnsConfigForming]);
}

#[test]
fn no_cluster_dns_falls_back_to_the_node() {
    let got = predict(&pod(DnsPolicy::ClusterFirst, Network::Pod, None), &cluster(&[]), HostFile::Text(NODE))
        .unwrap();
    assert_eq!(got.nameservers, ["10.0.0.2", "10.0.0.3"]);
    assert_eq!(got.events, [Event::MissingClusterDns]);
}

#[test]
fn no_host_file_means_loopback() {
    let pod = pod(DnsPolicy::Default, Network::Pod, None);
    let got = predict(&pod, &cluster(&[]), HostFile::Unset(NodeFamily::V6)).unwrap();
    assert_eq!((got.nameservers, got.searches), (vec!["::1".to_owned()], vec![".".to_owned()]));
}

#[test]
fn a_nameserver_line_without_address_stops_every_pod() {
    let pod = pod(DnsPolicy::None, Network::Pod, None);
    let error = predict(&pod, &cluster(&[]), HostFile::Text("search a\nnameserver\n")).unwrap_err();
    assert_eq!(error, HostFileError::NoAddress { line: 2 });
}

#[test]
fn the_file_is_written_in_the_runtimes_order() {
    let got = run(&pod(DnsPolicy::Default, Network::Pod, None));
    assert_eq!(
        got.to_resolv_conf(),
        "search corp.lan eu.corp.lan\nnameserver 10.0.0.2\nnameserver 10.0.0.3\noptions attempts:3 rotate timeout:1\n"
    );
    assert_eq!(Predicted::default().to_resolv_conf(), "");
}

#[test]
fn old_kubelets_keep_six_suffixes() {
    let config =
        DnsConfig { searches: (0..9).map(|n| format!("s{n}.lan")).collect(), ..DnsConfig::default() };
    let cluster = Cluster { limits: Limits::LEGACY, ..cluster(&["10.96.0.10"]) };
    let pod = pod(DnsPolicy::ClusterFirst, Network::Pod, Some(config));
    let got = predict(&pod, &cluster, HostFile::Text("")).unwrap();
    assert_eq!(got.searches.len(), 6);
    assert_eq!(got.searches[3..], ["s0.lan", "s1.lan", "s2.lan"]);
}
