//! The commands of the session guide, each once, in the guide's order.
//!
//! Not run as they stand: `logs`, alone and into `grep`, and `docker stats`, which never end by themselves (run with an
//! end instead); `docker build`, whose runtime stage alone is built here; the settings, which only have their defaults.

/// Commands as they are typed; `docker run` over several lines is one command.
pub const COMMANDS: &[&str] = &[
    "./docker-session-manager.sh health",
    "./docker-session-manager.sh clean",
    "./docker-session-manager.sh restart",
    "./docker-session-manager.sh logs",
    "./docker-session-manager.sh start",
    "./docker-session-manager.sh stop",
    "./docker-session-manager.sh status",
    "./docker-session-manager.sh exec bash",
    "./docker-session-manager.sh exec \"ls -la /app/auth_info\"",
    "node fix-session-errors-docker.js",
    "node fix-session-errors-docker.js --clean",
    "node fix-session-errors-docker.js --restart",
    "node fix-session-errors-docker.js --clean --container=my-whatsapp-api",
    "CONTAINER_NAME=my-app node fix-session-errors-docker.js --clean",
    "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml up -d",
    "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml --profile monitoring up -d",
    "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml down",
    "docker build -f Dockerfile.session-enhanced -t whatsapp-api:session-enhanced .",
    "docker run -d --name whatsapp-api -p 8192:8192 -v $(pwd)/auth_info:/app/auth_info \
     -v $(pwd)/baileys_store.json:/app/baileys_store.json -v $(pwd)/session_backups:/app/session_backups \
     -e SESSION_CLEANUP_ENABLED=true -e ENABLE_ERROR_MONITORING=true whatsapp-api:session-enhanced",
    "SESSION_CLEANUP_ENABLED=true",
    "SESSION_ERROR_THRESHOLD=10",
    "AUTO_CLEANUP_ON_ERROR=false",
    "ENABLE_ERROR_MONITORING=true",
    "CONTAINER_NAME=whatsapp-api",
    "./docker-session-manager.sh logs | grep \"Bad MAC\"",
    "rm -rf auth_info/",
    "echo '{}' > baileys_store.json",
    "docker stats whatsapp-api",
    "docker exec whatsapp-api df -h",
    "docker exec whatsapp-api ping -c 3 web.whatsapp.com",
    "docker inspect --format='{{.State.Health.Status}}' whatsapp-api",
    "docker inspect --format='{{range .State.Health.Log}}{{.Output}}{{end}}' whatsapp-api",
    "curl -f http://localhost:8192/health",
    "docker exec whatsapp-api ps aux",
    "docker port whatsapp-api",
    "docker inspect whatsapp-api",
    "docker exec whatsapp-api ls -la /app/",
    "docker exec whatsapp-api netstat -tlnp",
    "docker-compose down",
    "docker volume prune",
    "rm -rf auth_info/ session_backups/",
    "docker-compose up -d",
];

/// The guide's text, when it lies beside the workspace.
fn guide() -> Option<String> {
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    std::fs::read_to_string(workspace.join("../shared/spec/session-management-guide.md")).ok()
}

/// What stands in the guide's shell blocks, without comments, continued lines joined.
fn blocks(guide: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut inside, mut joined) = (false, String::new());
    for line in guide.lines().map(str::trim) {
        match line {
            "```bash" => inside = true,
            "```" => inside = false,
            line if inside && !line.is_empty() && !line.starts_with('#') => {
                let line = line.split("  #").next().unwrap_or(line).trim();
                if let Some(part) = line.strip_suffix('\\') {
                    joined.push_str(part);
                } else {
                    found.push(format!("{joined}{line}").split_whitespace().collect::<Vec<_>>().join(" "));
                    joined.clear();
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn comments_and_continued_lines_are_understood() {
    let text = "x\n```bash\n# no\nA=1   # why\nrun \\\n  -d\n```\ny\n";
    assert_eq!(blocks(text), ["A=1", "run -d"]);
}

#[test]
fn no_command_of_the_guide_is_forgotten() {
    // The guide is no part of the repository; where it is at hand, the table must be the same.
    let Some(guide) = guide() else { return };
    let guide = blocks(&guide);
    assert!(guide.len() > COMMANDS.len(), "the guide has {} commands", guide.len());
    for command in &guide {
        assert!(COMMANDS.contains(&command.as_str()), "the table lacks {command:?}");
    }
    for command in COMMANDS {
        assert!(guide.iter().any(|typed| typed == command), "the guide has no {command:?}");
    }
}
