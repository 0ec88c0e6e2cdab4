//! The commands of `sh` blocks: their files, endpoints and subcommands exist.

use serde_json::Value;

use crate::{pages, repository, text};

/// Programs of the system, or of whoever has them; what they are given is not ours.
const OTHERS: [&str; 13] = [
    "sha256sum",
    "tar",
    "sudo",
    "printf",
    "mv",
    "mkdir",
    "chown",
    "age",
    "gpg",
    "DOCKER_HOST=unix:///run/wakeeper/docker.sock",
    "DATA_DIR=/srv/wakeeper",
    "wakeeper",
    "git",
];

/// The lines of `sh` blocks, comments removed and continued lines joined.
fn lines(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    let joined: String = blocks.map(|block| block.replace("\\\n", " ")).collect();
    let bare = joined.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
    bare.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// What is wrong with a line, if anything.
fn fault(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["docker", "compose", rest @ ..] => compose(rest),
        ["docker", "run" | "logs" | "buildx" | "build", ..] => None,
        ["cargo", rest @ ..] => cargo(rest),
        ["curl", rest @ ..] => curl(rest),
        [program, ..] if program.starts_with("./") => {
            (!repository().join(program).exists()).then(|| format!("there is no {program}"))
        }
        ["node", script, ..] => {
            (!repository().join(script).exists()).then(|| format!("there is no {script}"))
        }
        [program, ..] if OTHERS.contains(program) => None,
        _ => Some(
            "nobody knows this command: add it to the test, with a check where there can be one".to_owned(),
        ),
    }
}

/// Every file that is named, and every service.
fn compose(words: &[&str]) -> Option<String> {
    let files: Vec<&str> = words.windows(2).filter(|pair| pair[0] == "-f").map(|pair| pair[1]).collect();
    let files =
        if files.is_empty() || files == ["whatsapp-api"] { vec!["docker-compose.yml"] } else { files };
    let mut services = String::new();
    for file in files.iter().filter(|file| **file != "whatsapp-api") {
        match std::fs::read_to_string(repository().join(file)) {
            Ok(text) => services += &text,
            Err(error) => return Some(format!("{file}: {error}")),
        }
    }
    let named = ["whatsapp-api", "n8n"].into_iter().filter(|service| words.contains(service));
    let missing = named.into_iter().find(|service| !services.contains(&format!("\n  {service}:\n")));
    missing.map(|service| format!("there is no service {service}"))
}

fn cargo(words: &[&str]) -> Option<String> {
    match words {
        ["xtask", command, ..] => {
            let usage = text("xtask/src/main.rs");
            let known =
                usage.contains(&format!("\n  {command} ")) || usage.contains(&format!("[\"{command}\""));
            (!known).then(|| format!("xtask has no {command}"))
        }
        ["demo" | "build" | "install" | "run" | "nextest" | "check" | "update", ..] => None,
        _ => Some("cargo has no such command".to_owned()),
    }
}

/// An address of the API must be in `openapi.json`, one of the simulator in its routes.
fn curl(words: &[&str]) -> Option<String> {
    let address =
        words.iter().find(|word| word.contains("localhost:8192") || word.starts_with("$SIMULATOR"))?;
    let (_, path) = address.split_once("8192")?;
    let path = path.split('?').next().unwrap_or_default();
    let openapi: Value = serde_json::from_str(&text("openapi.json")).expect("openapi.json");
    let paths = openapi["paths"].as_object().expect("paths");
    let alike = |known: &str| {
        let (known, given): (Vec<_>, Vec<_>) = (known.split('/').collect(), path.split('/').collect());
        known.len() == given.len()
            && known.iter().zip(given).all(|(known, given)| known.starts_with('{') || *known == given)
    };
    (!paths.keys().any(|known| alike(known))).then(|| format!("openapi.json has no {path}"))
}

#[test]
fn every_command_names_what_is_there() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for (name, page) in pages() {
        for line in lines(&page) {
            seen += 1;
            // A pipe's other parts are programs that filter.
            if let Some(fault) = fault(&line) {
                faults.push(format!("{name}: {line}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(seen > 40, "only {seen} commands were found");
}

#[test]
fn what_is_not_there_is_found() {
    let faults = [
        "docker compose -f docker-compose.nothing.yml up -d",
        "docker compose logs -f n8n",
        "cargo xtask nothing",
        "curl localhost:8192/api/nothing",
        "./nothing.sh",
        "docker-compose up -d",
    ];
    for line in faults {
        assert!(fault(line).is_some(), "{line}");
    }
}

#[test]
fn the_usual_spelling_of_compose_comes_first() {
    for file in [
        "README.md",
        "docs/docker.md",
        "docker-compose.yml",
        "docker-compose.session-fix.yml",
        "docker-compose.n8n.yml",
    ] {
        let text = text(file);
        let (new, old) = (text.find("docker compose"), text.find("docker-compose` 1.29"));
        assert!(new.is_some() && old.is_none_or(|old| Some(old) > new), "{file}");
    }
}
