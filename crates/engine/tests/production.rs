//! What a build may trust: without the feature `demo`, WhatsApp's certificate chain and nothing else.
//!
//! `cargo xtask ci` runs this file twice: with the feature, as all other tests, and without it, as the
//! gateway is shipped.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::error::Error;
use std::process::Command;

use wakeeper_simulator::simulator::{Simulator, SimulatorConfig};
use whatsapp_rust::TokioRuntime;
use whatsapp_rust::bot::Bot;
use whatsapp_rust::store::SqliteStore;
use whatsapp_rust::transport::TokioWebSocketTransportFactory;

/// Connects the engine's client to a simulator; the error with all its causes when that fails.
async fn connect_to_a_simulator() -> Result<(), String> {
    let simulator = Simulator::start(SimulatorConfig::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("engine.db");
    let bot = Bot::builder()
        .with_backend(SqliteStore::new(database.to_str().unwrap()).await.unwrap())
        .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(simulator.websocket_url()))
        .with_runtime(TokioRuntime)
        .with_version((2, 3000, 1_030_000_000))
        .build()
        .await
        .unwrap();
    let client = bot.client();
    let connected = client.connect().await.map_err(|error| with_causes(&error));
    client.disconnect().await;
    simulator.stop().await.unwrap();
    connected
}

fn with_causes(error: &dyn Error) -> String {
    let mut said = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push(error.to_string());
        cause = error.source();
    }
    said.join(": ")
}

/// Every package of the `wakeeper` binary with its enabled Cargo features, as `cargo tree` prints them.
fn features_of_the_binary(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "wakeeper", "--edges", "features", "--prefix", "none"])
        // The enabled features in brackets: the edges alone leave out what the binary's own features bring.
        .args(["--format", "{p} [{f}]"])
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[cfg(not(feature = "demo"))]
async fn a_production_build_refuses_the_simulators_certificate() {
    let refused = connect_to_a_simulator().await.unwrap_err();
    assert!(refused.contains("certificate verification failed"), "{refused}");
    assert!(refused.contains("XEdDSA"), "refused for another reason than its signature: {refused}");
}

#[tokio::test]
#[cfg(feature = "demo")]
async fn a_demo_build_accepts_the_simulators_certificate() {
    connect_to_a_simulator().await.unwrap();
}

#[test]
fn only_a_demo_build_has_a_dangerous_feature() {
    let production = features_of_the_binary(&[]);
    assert!(production.contains("whatsapp-rust v"), "cargo tree shows other things than it did");
    let dangerous: Vec<_> = production.lines().filter(|line| line.contains("danger")).collect();
    assert!(dangerous.is_empty(), "{dangerous:?}");
    assert!(!production.contains("wakeeper-simulator"), "a production build holds no simulator");
    let demo = features_of_the_binary(&["--features", "demo"]);
    assert!(demo.contains("danger-skip-cert-chain-verify"), "the demo build cannot skip the check");
}
