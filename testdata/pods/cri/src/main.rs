//! Plays the kubelet against a container runtime's socket, for the tests: starts pods from a list, runs programs in their
//! containers and removes them, with the files that a kubelet keeps beside them.
//!
//! ```text
//! cri run FILE                      starts every pod of the JSON list
//! cri list                          a JSON object for each pod
//! cri exec NS/POD CONTAINER CMD...  runs a program in a container, with its output and exit status
//! cri remove NS/POD                 stops and removes a pod
//! ```

mod pod;

use std::fs;
use std::io::{Write, stderr, stdout};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use k8s_cri::v1::image_service_client::ImageServiceClient;
use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use k8s_cri::v1::{
    ContainerState, ContainerStatusRequest, CreateContainerRequest, ExecSyncRequest, ImageSpec,
    ImageStatusRequest, ListContainersRequest, ListPodSandboxRequest, PodSandbox, PodSandboxStatusRequest,
    RemovePodSandboxRequest, RunPodSandboxRequest, StartContainerRequest, StopPodSandboxRequest,
};
use pod::{Container, Pod};
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

const SOCKET: &str = "unix:///run/containerd/containerd.sock";
const LINKS: &str = "/var/log/containers";

struct Kubelet {
    runtime: RuntimeServiceClient<Channel>,
    images: ImageServiceClient<Channel>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let channel =
        Endpoint::from_static(SOCKET).connect().await.with_context(|| format!("cannot reach {SOCKET}"))?;
    let mut kubelet = Kubelet {
        runtime: RuntimeServiceClient::new(channel.clone()),
        images: ImageServiceClient::new(channel),
    };
    match arguments[..] {
        ["run", file] => kubelet.run(file).await?,
        ["list"] => kubelet.list().await?,
        ["exec", pod, container, ref command @ ..] if !command.is_empty() => {
            return kubelet.exec(pod, container, command).await;
        }
        ["remove", pod] => kubelet.remove(pod).await?,
        _ => bail!("usage: cri run FILE | list | exec NS/POD CONTAINER CMD... | remove NS/POD"),
    }
    Ok(ExitCode::SUCCESS)
}

impl Kubelet {
    async fn run(&mut self, file: &str) -> Result<()> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        let pods: Vec<Pod> =
            serde_json::from_str(&text).with_context(|| format!("cannot read pods from {file}"))?;
        for pod in &pods {
            self.start(pod).await.with_context(|| format!("cannot start {}/{}", pod.namespace, pod.name))?;
        }
        Ok(())
    }

    async fn start(&mut self, pod: &Pod) -> Result<()> {
        fs::create_dir_all(pod.directory())?;
        fs::write(pod.directory().join("etc-hosts"), pod.hosts())?;
        fs::create_dir_all(pod.logs())?;
        let request = RunPodSandboxRequest { config: Some(pod.sandbox()), ..RunPodSandboxRequest::default() };
        let sandbox = self.runtime.run_pod_sandbox(request).await?.into_inner().pod_sandbox_id;
        for container in &pod.containers {
            self.start_container(pod, &sandbox, container).await.with_context(|| container.name.clone())?;
        }
        Ok(())
    }

    async fn start_container(&mut self, pod: &Pod, sandbox: &str, container: &Container) -> Result<()> {
        let logs = pod.logs().join(&container.name);
        fs::create_dir_all(&logs)?;
        let image = self.image(&container.image).await?;
        let request = CreateContainerRequest {
            pod_sandbox_id: sandbox.to_owned(),
            config: Some(pod.container(container, image)),
            sandbox_config: Some(pod.sandbox()),
        };
        let id = self.runtime.create_container(request).await?.into_inner().container_id;
        self.runtime.start_container(StartContainerRequest { container_id: id.clone() }).await?;
        fs::create_dir_all(LINKS)?;
        // Cut as the kubelet cuts it, for a file name to fit.
        let mut link = format!("{}_{}_{}-{id}", pod.name, pod.namespace, container.name);
        link.truncate(255 - ".log".len());
        let log = logs.join(format!("{}.log", container.attempt));
        symlink(log, Path::new(LINKS).join(link + ".log"))?;
        Ok(())
    }

    async fn image(&mut self, name: &str) -> Result<String> {
        let image = Some(ImageSpec { image: name.to_owned(), ..ImageSpec::default() });
        let found =
            self.images.image_status(ImageStatusRequest { image, verbose: false }).await?.into_inner().image;
        Ok(found.with_context(|| format!("the runtime has no image {name}"))?.id)
    }

    async fn pods(&mut self) -> Result<Vec<PodSandbox>> {
        Ok(self.runtime.list_pod_sandbox(ListPodSandboxRequest::default()).await?.into_inner().items)
    }

    async fn pod(&mut self, wanted: &str) -> Result<PodSandbox> {
        let found = self.pods().await?.into_iter().find(|pod| name(pod) == wanted);
        found.with_context(|| format!("there is no pod {wanted}"))
    }

    async fn list(&mut self) -> Result<()> {
        for pod in self.pods().await? {
            let request = PodSandboxStatusRequest { pod_sandbox_id: pod.id.clone(), verbose: true };
            let Some(status) = still_there(self.runtime.pod_sandbox_status(request).await)? else { continue };
            let containers = self.containers(&pod).await?;
            let metadata = pod.metadata.unwrap_or_default();
            let line = json!({"namespace": metadata.namespace, "pod": metadata.name, "uid": metadata.uid, "id": pod.id,
                "pid": pid(status.info.get("info"))?, "containers": containers});
            writeln!(stdout(), "{line}")?;
        }
        Ok(())
    }

    async fn containers(&mut self, pod: &PodSandbox) -> Result<Vec<Value>> {
        let all =
            self.runtime.list_containers(ListContainersRequest::default()).await?.into_inner().containers;
        let mut lines = Vec::new();
        for container in all.into_iter().filter(|it| it.pod_sandbox_id == pod.id) {
            let request = ContainerStatusRequest { container_id: container.id.clone(), verbose: true };
            let Some(status) = still_there(self.runtime.container_status(request).await)? else { continue };
            let running = container.state() == ContainerState::ContainerRunning;
            let pid = pid(status.info.get("info"))?.filter(|_| running);
            let name = container.metadata.unwrap_or_default().name;
            lines.push(json!({"name": name, "id": container.id, "running": running, "pid": pid}));
        }
        Ok(lines)
    }

    async fn exec(&mut self, pod: &str, container: &str, command: &[&str]) -> Result<ExitCode> {
        let sandbox = self.pod(pod).await?;
        let all = self.containers(&sandbox).await?;
        let found = all.iter().find(|it| it["name"] == container && it["running"] == true);
        let found = found.with_context(|| format!("no running container {container} in {pod}"))?;
        let request = ExecSyncRequest {
            container_id: found["id"].as_str().unwrap_or_default().to_owned(),
            cmd: command.iter().map(|&word| word.to_owned()).collect(),
            timeout: 60,
        };
        let done = self.runtime.exec_sync(request).await?.into_inner();
        stdout().write_all(&done.stdout)?;
        stderr().write_all(&done.stderr)?;
        Ok(ExitCode::from(u8::try_from(done.exit_code).unwrap_or(u8::MAX)))
    }

    async fn remove(&mut self, wanted: &str) -> Result<()> {
        let PodSandbox { id, metadata, .. } = self.pod(wanted).await?;
        self.runtime.stop_pod_sandbox(StopPodSandboxRequest { pod_sandbox_id: id.clone() }).await?;
        self.runtime.remove_pod_sandbox(RemovePodSandboxRequest { pod_sandbox_id: id }).await?;
        let metadata = metadata.unwrap_or_default();
        let logs = format!("{}_{}_{}", metadata.namespace, metadata.name, metadata.uid);
        fs::remove_dir_all(Path::new("/var/log/pods").join(logs))?;
        fs::remove_dir_all(Path::new("/var/lib/kubelet/pods").join(&metadata.uid))?;
        for link in links(&format!("{}_{}_", metadata.name, metadata.namespace))? {
            fs::remove_file(link)?;
        }
        Ok(())
    }
}

/// What was just listed may be removed before it is asked for.
fn still_there<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn name(pod: &PodSandbox) -> String {
    let metadata = pod.metadata.clone().unwrap_or_default();
    format!("{}/{}", metadata.namespace, metadata.name)
}

/// The process in the runtime's own words about a pod or container.
fn pid(info: Option<&String>) -> Result<Option<u64>> {
    let info: Value = serde_json::from_str(info.context("the runtime says nothing about it")?)?;
    Ok(info["pid"].as_u64())
}

fn links(start: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(LINKS)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(start) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
