//! Removing single files in a volume, which the engine has no request for.

use std::path::{Path, PathBuf};

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptions, RemoveContainerOptions, StartContainerOptions, WaitContainerOptions,
};
use futures::StreamExt;

use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// So many names fit into one command.
const MAX_NAMES_PER_COMMAND: usize = 500;

/// Removes files in the volumes of a stopped container: a helper of the same image, which mounts the same volumes,
/// has no network and runs nothing but `rm`.
pub(super) async fn remove_in_volume(
    engine: &Engine,
    id: &str,
    parent: &Path,
    paths: &[PathBuf],
) -> Result<(), String> {
    let container = engine.find(id).await.map_err(|error| error.to_string())?;
    for names in paths.chunks(MAX_NAMES_PER_COMMAND) {
        let mut command = vec!["-rf".to_owned(), "--".to_owned()];
        command.extend(names.iter().map(|name| parent.join(name).to_string_lossy().into_owned()));
        let body = ContainerCreateBody {
            image: Some(container.image_id.clone()),
            entrypoint: Some(vec!["rm".to_owned()]),
            cmd: Some(command),
            user: Some("0:0".to_owned()),
            host_config: Some(HostConfig {
                volumes_from: Some(vec![id.to_owned()]),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let made = engine.docker.create_container(None::<CreateContainerOptions>, body).await;
        let helper =
            made.map_err(|error| EngineError::of("make a helper container", id, error).to_string())?.id;
        let result = run_helper(engine, &helper).await;
        let options = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
        if let Err(error) = engine.docker.remove_container(&helper, Some(options)).await {
            tracing::warn!(%error, "the helper container {helper} could not be removed");
        }
        result?;
    }
    Ok(())
}

async fn run_helper(engine: &Engine, helper: &str) -> Result<(), String> {
    let started = engine.docker.start_container(helper, None::<StartContainerOptions>).await;
    started.map_err(|error| {
        let reason = EngineError::of("remove files in the volume", helper, error);
        format!("{reason} (the container's image has no `rm`, which is needed to remove files in a volume)")
    })?;
    let options = None::<WaitContainerOptions>;
    let ended = Box::pin(engine.docker.wait_container(helper, options)).next().await;
    match ended {
        Some(Ok(_)) | None => Ok(()),
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => {
            Err(format!("removing files in the volume ended with exit code {code}"))
        }
        Some(Err(error)) => Err(EngineError::of("remove files in the volume", helper, error).to_string()),
    }
}
