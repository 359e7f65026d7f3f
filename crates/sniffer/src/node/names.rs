//! Names of pods, and the folders of their logs, which say which pods ran here.

use std::collections::BTreeMap;
use std::fmt;

use super::id::{ContainerId, PodUid};
use crate::pod_files::Root;

/// The longest name that is kept; Kubernetes' own limit for pods and namespaces (RFC 1123 subdomain), in bytes.
const MAX_NAME: usize = 253;

/// A pod's name, in its Kubernetes namespace where it has one (podman's pods have none).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodName {
    /// The Kubernetes namespace.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl PodName {
    /// From the two names, if the pod's is there and both are of a form that Kubernetes or podman accept.
    pub(crate) fn new(namespace: Option<&str>, name: Option<&str>) -> Option<Self> {
        let name = name.filter(|name| is_name(name))?;
        if namespace.is_some_and(|namespace| !is_name(namespace)) {
            return None;
        }
        Some(Self { namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Letters of names: those of RFC 1123, and the upper case and `_` that podman allows.
fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(letter) && text != "." && text != ".."
}

/// The kubelet's folders and links for logs (`pkg/kubelet/kuberuntime/helpers.go` and `legacy.go`). They outlive a pod for
/// a while.
#[derive(Debug, Default)]
pub(crate) struct PodLogs {
    /// From `/var/log/pods/NAMESPACE_NAME_UID/CONTAINER`.
    pub(crate) by_uid: BTreeMap<PodUid, Logged>,
    /// From `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log`: pod and container, by the newest container's id.
    pub(crate) by_container: BTreeMap<ContainerId, (PodName, String)>,
}

/// A pod that has logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) pod: PodName,
    /// The containers that wrote some, sorted.
    pub(crate) containers: Vec<String>,
}

impl PodLogs {
    pub(crate) fn read(root: &Root) -> Self {
        let mut logs = Self::default();
        let folders = root.entries("var/log/pods");
        let folders: Vec<_> = folders.iter().filter_map(|it| Some((it, folder_of_pod(it)?))).collect();
        // A pod has one name. Of two folders with one UID one was made by somebody else, a pod that may write there say.
        let mut names: BTreeMap<&PodUid, usize> = BTreeMap::new();
        for (_, (uid, _)) in &folders {
            *names.entry(uid).or_default() += 1;
        }
        for (folder, (uid, pod)) in &folders {
            if names[uid] == 1 {
                let containers = root.entries(&format!("var/log/pods/{folder}"));
                let containers = containers.into_iter().filter(|name| is_name(name)).collect();
                logs.by_uid.insert(uid.clone(), Logged { pod: pod.clone(), containers });
            }
        }
        let links =
            root.entries("var/log/containers").into_iter().filter_map(|link| link_of_container(&link));
        logs.by_container = links.collect();
        logs
    }

    /// Adds what was read elsewhere, where nothing is known yet.
    pub(crate) fn merge(&mut self, other: Self) {
        for (uid, logged) in other.by_uid {
            self.by_uid.entry(uid).or_insert(logged);
        }
        for (id, names) in other.by_container {
            self.by_container.entry(id).or_insert(names);
        }
    }

    /// The UID of the pod with this name, if one only has logs.
    pub(crate) fn uid_of(&self, pod: &PodName) -> Option<&PodUid> {
        let mut found = self.by_uid.iter().filter(|(_, logged)| logged.pod == *pod);
        let (uid, _) = found.next()?;
        found.next().is_none().then_some(uid)
    }
}

/// Neither name can hold `_`.
fn folder_of_pod(folder: &str) -> Option<(PodUid, PodName)> {
    let mut parts = folder.split('_');
    let (namespace, name, uid) = (parts.next()?, parts.next()?, parts.next()?);
    let pod = PodName::new(Some(namespace), Some(name)).filter(|_| parts.next().is_none())?;
    Some((PodUid::new(uid)?, pod))
}

fn link_of_container(link: &str) -> Option<(ContainerId, (PodName, String))> {
    let (names, id) = link.strip_suffix(".log")?.rsplit_once('-')?;
    let mut parts = names.split('_');
    let (name, namespace, container) = (parts.next()?, parts.next()?, parts.next()?);
    let pod = PodName::new(Some(namespace), Some(name)).filter(|_| parts.next().is_none())?;
    Some((ContainerId::new(id)?, (pod, container.to_owned()).clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "11111111-2222-3333-4444-555555555555";
    const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn a_folder_of_logs_names_its_pod() {
        let (uid, pod) = folder_of_pod(&format!("sre_web-7d4b9c-x2x1z_{UID}")).unwrap();
        assert_eq!((uid.as_str(), pod.to_string().as_str()), (UID, "sre/web-7d4b9c-x2x1z"));
        for other in [
            UID.to_owned(),
            format!("a_b_c_{UID}"),
            "a_b_c".into(),
            format!("a b_c_{UID}"),
            format!("_c_{UID}"),
        ] {
            assert_eq!(folder_of_pod(&other), None, "{other}");
        }
    }

    #[test]
    fn a_link_names_pod_and_container() {
        let (id, (pod, container)) = link_of_container(&format!("web-0_sre_side-car-{ID}.log")).unwrap();
        assert_eq!(
            (id.as_str(), pod.to_string().as_str(), container.as_str()),
            (ID, "sre/web-0", "side-car")
        );
        assert_eq!(link_of_container(&format!("web-0_sre_app-{}.log", &ID[..20])), None);
    }
}
