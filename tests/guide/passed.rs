//! Settings in `.env` arrive in the containers, whichever compose reads them.

use std::collections::BTreeSet;
use std::fs;

use crate::checkout::{Checkout, Compose};

/// Names that the compose files pass on under the same name.
fn passed(checkout: &Checkout) -> BTreeSet<String> {
    let read = |file: &str| fs::read_to_string(checkout.folder().join(file)).expect("a compose file");
    let text = read("docker-compose.yml") + &read("docker-compose.session-fix.yml");
    let named = text.lines().filter_map(|line| line.trim().split_once(": ${"));
    named
        .filter(|(name, value)| value.starts_with(&format!("{name}:-")))
        .map(|(name, _)| name.to_owned())
        .collect()
}

async fn arrive(compose: Compose, spelling: &str) {
    let checkout = Checkout::without_images(compose).await;
    let names = passed(&checkout);
    assert!(names.len() > 40, "{names:?}");
    let settings: Vec<String> = names.iter().map(|name| format!("{name}=value-of-{name}\n")).collect();
    fs::write(checkout.folder().join(".env"), settings.concat()).expect(".env");
    let both = "-f docker-compose.yml -f docker-compose.session-fix.yml --profile monitoring config";
    let said = checkout.shell(&format!("{spelling} {both}")).await.code(0);
    for name in &names {
        assert!(said.out.contains(&format!("{name}: value-of-{name}\n")), "{name} is lost\n{said}");
    }

    // Without a file, and with n8n: it reaches the gateway by the name of its service.
    fs::remove_file(checkout.folder().join(".env")).expect("no .env");
    let n8n = "-f docker-compose.yml -f docker-compose.n8n.yml config";
    let said = checkout.shell(&format!("{spelling} {n8n}")).await.code(0);
    said.shows("PUBLIC_URL: http://whatsapp-api:8192")
        .shows("WHATSAPP_HOOK_URL: http://n8n:5678/webhook/wakeeper");
    checkout.shell(&format!("{spelling} {both}")).await.code(0);
}

#[tokio::test]
async fn with_docker_compose_1() {
    arrive(Compose::V1, "docker-compose").await;
}

#[tokio::test]
async fn with_compose_2_in_both_spellings() {
    arrive(Compose::V2, "docker compose").await;
    arrive(Compose::V2, "docker-compose").await;
}
