//! The workloads of an input and the `resolv.conf` their pods will get, for explaining names before anything runs.

use crate::case::{Case, Used};
use crate::config::{Config, Libc};
use crate::manifest::Facts;
use crate::world::World;
use dnsprobe_resolv::pod::PodDns;
use std::collections::HashSet;
use std::sync::Arc;

/// A pod, or something that makes pods.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Kind of the object.
    pub kind: String,
    /// Its name, empty where it has none.
    pub name: String,
    /// Its namespace, assumed where it names none.
    pub namespace: String,
    /// The text it stands in.
    pub path: Arc<str>,
    /// Its settings: with [`dnsprobe_resolv::pod::predict`], [`Config::cluster`] and the node's file they give the
    /// `resolv.conf`.
    pub dns: PodDns,
    /// The libc of its containers, where the images or the configuration tell.
    pub libc: Option<Libc>,
    /// The hosts its inputs name, without a dot at their end, each once.
    pub hosts: Vec<String>,
}

/// Every workload of the input, in order. An object with several pod templates is there as often.
pub fn workloads(facts: &[Facts], config: &Config) -> Vec<Workload> {
    let world = World::of(facts, config);
    world.pods().map(|pod| workload(&Case::of(pod, &world))).collect()
}

fn workload(case: &Case<'_>) -> Workload {
    let object = &case.pod.object;
    let mut seen = HashSet::new();
    let hosts = case.names.iter().map(Used::host).filter(|host| seen.insert(*host));
    let hosts = hosts.map(str::to_owned).collect();
    Workload {
        kind: object.kind.clone(),
        name: object.name().unwrap_or_default().to_owned(),
        namespace: case.namespace.to_owned(),
        path: Arc::clone(&object.path),
        dns: case.settings.clone(),
        libc: case.libc,
        hosts,
    }
}
