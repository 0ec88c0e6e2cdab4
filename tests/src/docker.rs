//! The tests' Docker engine, which `cargo xtask ci` starts and `cargo xtask docker COMMAND` starts for one command.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::PATIENCE;
use crate::journal::eventually;

/// The port of the gateway in the session guide.
pub const PORT: u16 = 8192;

/// The engine of this test run.
#[derive(Debug, Clone)]
pub struct Engine {
    host: String,
    bridge: Ipv4Addr,
    compose_v2: Option<PathBuf>,
}

impl Engine {
    /// The engine that this test was started with. Without one the test fails: a test that is skipped shows nothing.
    pub fn of_this_run() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let told = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!(
                    "{name} is not set: run `cargo xtask ci`, or `cargo xtask docker cargo nextest run ...`"
                )
            })
        };
        Self {
            host: told("WAKEEPER_TEST_DOCKER"),
            bridge: told("WAKEEPER_TEST_DOCKER_BRIDGE").parse().expect("an IPv4 address"),
            compose_v2: std::env::var_os("WAKEEPER_TEST_COMPOSE_V2").map(PathBuf::from),
        }
    }

    /// The value of `DOCKER_HOST`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path of the engine's socket.
    pub fn socket(&self) -> &Path {
        Path::new(self.host.trim_start_matches("unix://"))
    }

    /// Where containers of every network reach this machine.
    pub fn bridge(&self) -> Ipv4Addr {
        self.bridge
    }

    /// The binary of compose v2, when it is installed.
    pub fn compose_v2(&self) -> Option<&Path> {
        self.compose_v2.as_deref()
    }

    /// A command that speaks to this engine.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("DOCKER_HOST", &self.host).env_remove("DOCKER_CONTEXT");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs `docker` to its end, well or badly.
    pub async fn try_docker(&self, words: &[&str]) -> Output {
        self.command("docker").args(words).output().await.expect("docker that runs")
    }

    /// Runs `docker`, which must end well, and returns what it printed, without the last line's end.
    pub async fn docker(&self, words: &[&str]) -> String {
        let output = self.try_docker(words).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {}: {}\n{errors}", words.join(" "), output.status);
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Builds an image from a folder.
    pub async fn build(&self, tag: &str, dockerfile: &Path, folder: &Path, arguments: &[(&str, &str)]) {
        let (dockerfile, folder) = (dockerfile.to_string_lossy(), folder.to_string_lossy());
        let settings: Vec<String> = arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut words = vec!["build", "--quiet", "--tag", tag, "--file", &dockerfile];
        for setting in &settings {
            words.extend(["--build-arg", setting]);
        }
        words.push(&folder);
        self.docker(&words).await;
    }

    /// Waits until a container's health check says `wanted`.
    pub async fn wait_health(&self, container: &str, wanted: &str) {
        let words = ["inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", container];
        eventually(&format!("container {container} to be {wanted}"), PATIENCE, async || {
            let output = self.try_docker(&words).await;
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if said == format!("running {wanted}") { Ok(()) } else { Err(said) }
        })
        .await;
    }

    /// Removes a container when the test ends, however it ends.
    pub fn removes(&self, container: &str) -> Removal {
        Removal { engine: self.clone(), container: container.to_owned() }
    }

    /// A port on the bridge that leads to a loopback port of this machine, such as a simulator's: what listens on
    /// loopback only is out of a container's reach.
    pub async fn lead_to(&self, loopback_port: u16) -> u16 {
        let listener = TcpListener::bind((self.bridge, 0)).await.expect("a port on the bridge");
        let port = listener.local_addr().expect("its address").port();
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let Ok(mut inside) = TcpStream::connect((Ipv4Addr::LOCALHOST, loopback_port)).await
                    else {
                        return;
                    };
                    // Either end may break off; so does the other, then.
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        port
    }
}

/// Removes a container, its anonymous volumes too, when it is dropped.
#[must_use]
pub struct Removal {
    engine: Engine,
    container: String,
}

impl Drop for Removal {
    fn drop(&mut self) {
        let mut command = std::process::Command::new("docker");
        command.env("DOCKER_HOST", &self.engine.host).stdout(Stdio::null()).stderr(Stdio::null());
        // There may be none: the test may have failed before, or removed it itself.
        let _ = command.args(["rm", "--force", "--volumes", &self.container]).status();
    }
}

/// The sole use of the guide's names (`whatsapp-api`, port 8192) among all tests of this machine, until it is dropped.
#[must_use]
pub struct Names(#[expect(dead_code, reason = "held for its lock")] File);

impl Names {
    /// Waits for its turn.
    pub async fn take() -> Self {
        tokio::task::spawn_blocking(|| {
            let path = std::env::temp_dir().join("wakeeper-guide.lock");
            let file = File::options().create(true).truncate(false).write(true).open(&path);
            let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            file.lock().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            Self(file)
        })
        .await
        .expect("a lock that is waited for")
    }
}
