//! The commands of the session guide, each once, in the guide's order.
//!
//! Each has a name, and a name that no test uses does not compile: so every line of the table is run.

use std::path::{Path, PathBuf};

/// A line of the guide. [`Checkout`](crate::checkout::Checkout) runs it as it stands.
#[derive(Debug, Clone, Copy)]
pub struct Line(&'static str);

impl Line {
    /// What is typed.
    pub fn text(self) -> &'static str {
        self.0
    }
}

macro_rules! table {
    ($($name:ident = $line:literal;)*) => {
        $(
            #[deny(dead_code)]
            pub const $name: Line = Line($line);
        )*
        const COMMANDS: &[&str] = &[$($line),*];
    };
}

// `docker run` over several lines is one command.
table! {
    HEALTH = "./docker-session-manager.sh health";
    CLEAN = "./docker-session-manager.sh clean";
    RESTART = "./docker-session-manager.sh restart";
    LOGS = "./docker-session-manager.sh logs";
    START = "./docker-session-manager.sh start";
    STOP = "./docker-session-manager.sh stop";
    STATUS = "./docker-session-manager.sh status";
    EXEC = "./docker-session-manager.sh exec bash";
    EXEC_LS = "./docker-session-manager.sh exec \"ls -la /app/auth_info\"";
    NODE = "node fix-session-errors-docker.js";
    NODE_CLEAN = "node fix-session-errors-docker.js --clean";
    NODE_RESTART = "node fix-session-errors-docker.js --restart";
    NODE_FLAG = "node fix-session-errors-docker.js --clean --container=my-whatsapp-api";
    NODE_VARIABLE = "CONTAINER_NAME=my-app node fix-session-errors-docker.js --clean";
    UP = "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml up -d";
    UP_MONITORED =
        "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml --profile monitoring up -d";
    DOWN = "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml down";
    BUILD = "docker build -f Dockerfile.session-enhanced -t whatsapp-api:session-enhanced .";
    RUN = "docker run -d --name whatsapp-api -p 8192:8192 -v $(pwd)/auth_info:/app/auth_info \
     -v $(pwd)/baileys_store.json:/app/baileys_store.json -v $(pwd)/session_backups:/app/session_backups \
     -e SESSION_CLEANUP_ENABLED=true -e ENABLE_ERROR_MONITORING=true whatsapp-api:session-enhanced";
    CLEANUP_ENABLED = "SESSION_CLEANUP_ENABLED=true";
    ERROR_THRESHOLD = "SESSION_ERROR_THRESHOLD=10";
    AUTO_CLEANUP = "AUTO_CLEANUP_ON_ERROR=false";
    ERROR_MONITORING = "ENABLE_ERROR_MONITORING=true";
    CONTAINER_NAME = "CONTAINER_NAME=whatsapp-api";
    LOGS_BAD_MAC = "./docker-session-manager.sh logs | grep \"Bad MAC\"";
    REMOVE_SESSION = "rm -rf auth_info/";
    EMPTY_STORE = "echo '{}' > baileys_store.json";
    STATS = "docker stats whatsapp-api";
    DF = "docker exec whatsapp-api df -h";
    PING = "docker exec whatsapp-api ping -c 3 web.whatsapp.com";
    HEALTH_STATUS = "docker inspect --format='{{.State.Health.Status}}' whatsapp-api";
    HEALTH_LOG = "docker inspect --format='{{range .State.Health.Log}}{{.Output}}{{end}}' whatsapp-api";
    CURL = "curl -f http://localhost:8192/health";
    PS = "docker exec whatsapp-api ps aux";
    PORT = "docker port whatsapp-api";
    INSPECT = "docker inspect whatsapp-api";
    LS = "docker exec whatsapp-api ls -la /app/";
    NETSTAT = "docker exec whatsapp-api netstat -tlnp";
    BASE_DOWN = "docker-compose down";
    PRUNE = "docker volume prune";
    REMOVE_ALL = "rm -rf auth_info/ session_backups/";
    BASE_UP = "docker-compose up -d";
}

/// The guide's text, when it is at hand: the file that `WAKEEPER_TEST_GUIDE` names, or one beside the workspace.
fn guide() -> Option<String> {
    if let Some(path) = std::env::var_os("WAKEEPER_TEST_GUIDE") {
        return Some(
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        );
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.parent()?;
    let nearby = folders(beside).into_iter().flat_map(|folder| [folders(&folder), vec![folder]].concat());
    nearby
        .map(|folder| folder.join("session-management-guide.md"))
        .find_map(|path| std::fs::read_to_string(path).ok())
}

/// Folders in a folder, but for hidden ones.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden = |item: &std::fs::DirEntry| item.file_name().as_encoded_bytes().starts_with(b".");
    items.filter(|item| !hidden(item) && item.path().is_dir()).map(|item| item.path()).collect()
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
