//! The `resolv.conf` of a pod that does not run yet, from its manifest: for `explain -f`.

use std::path::{Path, PathBuf};

use dnsprobe_lint::{Config, Libc, Workload, workloads};
use dnsprobe_lookup::ResolverFrom;
use dnsprobe_resolv::pod::{Base, HostFile, base, predict};
use dnsprobe_resolv::{Resolver, ResolverId};
use serde_json::{Value, json};

use super::cluster::ClusterArgs;
use super::lint::config_file::ConfigFile;
use super::lint::read_manifests;
use super::situation::{self, ConfFile};
use crate::error::CommandError;
use crate::view::{Ui, note};

/// Stands for the cluster's DNS server where nobody says which it is: what kubeadm and most others take.
const ASSUMED_SERVER: &str = "10.96.0.10";

/// The most workloads an error lists.
const MOST_LISTED: usize = 20;

/// Where the pod stands.
#[derive(Debug, clap::Args)]
pub(crate) struct WorkloadArgs {
    /// Plan for a pod in this manifest (a file, a folder, or `-`), with the resolv.conf the kubelet will write
    #[arg(
        short = 'f',
        long = "file",
        value_name = "MANIFEST",
        conflicts_with_all = ["pid", "netns", "resolv_conf"]
    )]
    pub(crate) manifest: Option<PathBuf>,
    /// Which of the manifest's workloads
    #[arg(long, value_name = "[KIND/][NAMESPACE/]NAME", requires = "manifest")]
    workload: Option<String>,
    /// The resolv.conf of the node the pod will run on
    #[arg(long, value_name = "FILE", requires = "manifest")]
    node_resolv_conf: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What a pod will get.
pub(crate) struct Planned {
    workload: Workload,
    file: String,
}

impl WorkloadArgs {
    /// The pod, when a manifest is given.
    pub(crate) fn planned(&self, ui: &Ui) -> Result<Option<Planned>, CommandError> {
        let Some(manifest) = &self.manifest else {
            return if self.cluster.says_something() {
                Err(CommandError::new("settings of the cluster are of use only for a manifest")
                    .hint("-f MANIFEST names it"))
            } else {
                Ok(None)
            };
        };
        let mut config = ConfigFile::find(None)?.config(&self.cluster);
        let assumptions = config.assumptions();
        config.cluster_dns.get_or_insert_with(|| vec![ASSUMED_SERVER.to_owned()]);
        let facts = read_manifests(manifest, ui)?;
        let workload = choose(workloads(&facts, &config), self.workload.as_deref(), manifest)?;
        let file = self.resolv_conf(&workload, &config)?;
        let relevant = |line: &&String| !line.contains("--libc") && !line.contains("--kube-version");
        let mut assumed: Vec<&String> = assumptions.iter().filter(relevant).collect();
        if self.node_resolv_conf.is_some() {
            assumed.retain(|line| !line.contains("--host-search"));
        }
        if !assumed.is_empty() {
            let words: Vec<&str> = assumed.into_iter().map(String::as_str).collect();
            note(&format!("dnsprobe: assumed {}", words.join("; ")));
        }
        Ok(Some(Planned { workload, file }))
    }

    /// The text of the file, as the kubelet will write it.
    fn resolv_conf(&self, workload: &Workload, config: &Config) -> Result<String, CommandError> {
        let host = match &self.node_resolv_conf {
            Some(path) => String::from_utf8_lossy(&situation::read_file(path)?).into_owned(),
            None => config.host_file(),
        };
        if self.node_resolv_conf.is_none() && base(workload.dns.policy, workload.dns.network) == Base::Host {
            note(
                "dnsprobe: this pod gets its node's resolv.conf: --node-resolv-conf FILE says what is in it",
            );
        }
        let predicted = predict(&workload.dns, &config.cluster(), HostFile::Text(&host));
        let predicted = predicted.map_err(|error| {
            CommandError::wrap("predict what the kubelet writes from the node's file", error)
        })?;
        Ok(predicted.to_resolv_conf())
    }
}

impl Planned {
    /// What the resolver will read.
    pub(crate) fn conf_file(&self) -> ConfFile {
        let place =
            format!("{}, as the kubelet will write it for {}", self.workload.path, shown(&self.workload));
        ConfFile { bytes: Some(self.file.clone().into_bytes()), place, problem: None }
    }

    /// The resolver that the images, or `--libc`, tell.
    pub(crate) fn resolver(&self) -> Option<(Resolver, ResolverFrom, String)> {
        let id = match self.workload.libc? {
            Libc::Glibc => ResolverId::Glibc,
            Libc::Musl => ResolverId::Musl,
        };
        Some((Resolver::new(id), ResolverFrom::Inferred, "from the images' names or --libc".to_owned()))
    }

    /// `target` of the JSON output.
    pub(crate) fn target(&self) -> Value {
        json!({
            "kind": "manifest",
            "path": &*self.workload.path,
            "namespace": self.workload.namespace,
            "workload": format!("{}/{}", self.workload.kind, self.workload.name),
        })
    }
}

/// The workload meant: the only one, or the one that is named.
fn choose(all: Vec<Workload>, word: Option<&str>, manifest: &Path) -> Result<Workload, CommandError> {
    let manifest = manifest.display();
    let mut known: Vec<String> = all.iter().map(shown).collect();
    known.dedup();
    let mut matching: Vec<Workload> =
        all.into_iter().filter(|workload| word.is_none_or(|word| is_meant(workload, word))).collect();
    // An object with several pod templates is there as often; alike they are one.
    matching.dedup_by(|one, next| one.dns == next.dns && one.libc == next.libc && shown(one) == shown(next));
    if matching.len() == 1 {
        return Ok(matching.remove(0));
    }
    let problem = match (word, known.is_empty(), matching.is_empty()) {
        (_, true, _) => return Err(CommandError::new(format!("there is no workload in {manifest}"))),
        (Some(word), _, true) => format!("there is no workload `{word}` in {manifest}"),
        (Some(word), ..) => format!("`{word}` may be any of several workloads in {manifest}"),
        (None, ..) => format!("there are {} workloads in {manifest}", known.len()),
    };
    let more = if known.len() > MOST_LISTED { ", …" } else { "" };
    let list = known.into_iter().take(MOST_LISTED).collect::<Vec<_>>().join(", ");
    Err(CommandError::new(problem).hint(format!("--workload KIND/NAME picks one of: {list}{more}")))
}

fn shown(workload: &Workload) -> String {
    format!("{}/{}/{}", workload.kind, workload.namespace, workload.name)
}

/// `web`, `Deployment/web` or `Deployment/shop/web`; case does not matter in kinds.
fn is_meant(workload: &Workload, word: &str) -> bool {
    let parts: Vec<&str> = word.split('/').collect();
    match parts[..] {
        [name] => workload.name == name,
        [kind, name] => workload.kind.eq_ignore_ascii_case(kind) && workload.name == name,
        [kind, namespace, name] => {
            workload.kind.eq_ignore_ascii_case(kind)
                && workload.namespace == namespace
                && workload.name == name
        }
        _ => false,
    }
}
