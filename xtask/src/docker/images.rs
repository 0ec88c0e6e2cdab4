//! The base images that the Dockerfiles name, made here, because the tests reach no registry of images.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::{Engine, folder, write};
use crate::run::{first_line, program, succeed};

/// The release of Debian that the images are of.
const RELEASE: &str = "bookworm";
/// A label that says what an image was made from.
const LABEL: &str = "wakeeper.base";
/// The images' names, as the Dockerfiles have them.
const DEBIAN: &str = "debian:bookworm-slim";
const RUST: &str = "rust:1-bookworm";
const NODE: &str = "node:20-bookworm-slim";

/// The compiler's image. A program that is only tried out need not be fast: settings of Cargo that a Dockerfile does
/// not set itself make its build cheap.
const RUST_DOCKERFILE: &str = "\
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \\
      ca-certificates g++ gcc git libc6-dev make pkg-config && rm -rf /var/lib/apt/lists/*
ADD toolchain.tar /usr/local/toolchain
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PATH=/usr/local/toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    CARGO_HOME=/usr/local/cargo CARGO_TERM_PROGRESS_WHEN=never \\
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \\
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_PROFILE_RELEASE_DEBUG=0
";
const NODE_DOCKERFILE: &str = "\
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 libstdc++6 \\
 && rm -rf /var/lib/apt/lists/*
COPY node /usr/local/bin/node
CMD [\"node\"]
";

/// Makes the images that are not there, or that were made from something else.
pub fn make(engine: &Engine, node: Option<&Path>) -> Result<(), String> {
    let base = format!("{RELEASE} 1");
    fresh(engine, DEBIAN, &base, || debian(engine, &base))?;
    let compiler = first_line("rustc", &["--version"]).ok_or("rustc cannot be run")?;
    let compiler = format!("{base} {compiler} 1");
    fresh(engine, RUST, &compiler, || rust(engine, &compiler))?;
    let program = node.map_or_else(|| "node".to_owned(), |folder| folder.join("node").display().to_string());
    let version = first_line(&program, &["--version"]).ok_or("node cannot be run")?;
    let version = format!("{base} {version} 1");
    fresh(engine, NODE, &version, || node_image(engine, &program, &version))
}

fn fresh(
    engine: &Engine,
    image: &str,
    from: &str,
    make: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let format = format!("{{{{index .Config.Labels \"{LABEL}\"}}}}");
    let found = engine.docker(&["image", "inspect", "--format", &format, image]).output();
    if found.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == from) {
        return Ok(());
    }
    let started = Instant::now();
    make().map_err(|reason| format!("cannot make the image {image}: {reason}"))?;
    println!("made the image {image} in {} s", started.elapsed().as_secs());
    Ok(())
}

fn debian(engine: &Engine, label: &str) -> Result<(), String> {
    let root = empty("debian")?;
    let root = root.to_string_lossy().into_owned();
    let mut bootstrap = program("debootstrap", &["--variant=minbase", RELEASE, &root]);
    bootstrap.stdout(Stdio::null());
    succeed(bootstrap)?;
    let sources = format!(
        "deb http://deb.debian.org/debian {RELEASE} main\n\
         deb http://deb.debian.org/debian {RELEASE}-updates main\n\
         deb http://deb.debian.org/debian-security {RELEASE}-security main\n"
    );
    write(&Path::new(&root).join("etc/apt/sources.list"), &sources)?;
    let mut pack = program(
        "tar",
        &[
            "-C",
            &root,
            "--exclude=./var/cache/apt/archives/*.deb",
            "--exclude=./var/lib/apt/lists/*",
            "--exclude=./usr/share/doc/*",
            "--exclude=./usr/share/locale/*",
            "--exclude=./proc/*",
            "--exclude=./sys/*",
            "--exclude=./dev/*",
            "-c",
            ".",
        ],
    );
    let label = format!("LABEL {LABEL}=\"{label}\"");
    let import = engine.docker(&["import", "--change", "CMD [\"bash\"]", "--change", &label, "-", DEBIAN]);
    piped(&mut pack, import)?;
    empty("debian").map(drop)
}

fn rust(engine: &Engine, label: &str) -> Result<(), String> {
    let context = empty("rust")?;
    let toolchain = first_line("rustc", &["--print", "sysroot"]).ok_or("rustc tells no sysroot")?;
    let archive = context.join("toolchain.tar").to_string_lossy().into_owned();
    succeed(program(
        "tar",
        &[
            "-C",
            &toolchain,
            "--exclude=./share",
            "--exclude=./lib/rustlib/src",
            "--exclude=./lib/rustlib/wasm*",
            "-cf",
            &archive,
            ".",
        ],
    ))?;
    authorities(&context)?;
    write(&context.join("Dockerfile"), RUST_DOCKERFILE)?;
    build(engine, RUST, label, &context)?;
    empty("rust").map(drop)
}

fn node_image(engine: &Engine, program: &str, label: &str) -> Result<(), String> {
    let context = empty("node")?;
    let real = first_line(program, &["--print", "process.execPath"]).ok_or("node does not know itself")?;
    std::fs::copy(&real, context.join("node")).map_err(|error| format!("cannot copy {real}: {error}"))?;
    write(&context.join("Dockerfile"), NODE_DOCKERFILE)?;
    build(engine, NODE, label, &context)
}

/// The certificate authorities that this machine trusts: there may be one more between it and the registries.
fn authorities(context: &Path) -> Result<(), String> {
    let file = std::env::var_os("SSL_CERT_FILE")
        .map_or_else(|| PathBuf::from("/etc/ssl/certs/ca-certificates.crt"), PathBuf::from);
    std::fs::copy(&file, context.join("ca-certificates.crt"))
        .map(drop)
        .map_err(|error| format!("cannot copy {}: {error}", file.display()))
}

fn build(engine: &Engine, image: &str, label: &str, context: &Path) -> Result<(), String> {
    let label = format!("{LABEL}={label}");
    let context = context.to_string_lossy().into_owned();
    succeed(engine.docker(&["build", "--quiet", "--tag", image, "--label", &label, &context]))
}

/// A folder below the engine's own that is there and empty.
fn empty(name: &str) -> Result<PathBuf, String> {
    let folder = folder()?.join("made").join(name);
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    Ok(folder)
}

/// Runs one program into another; both must end well.
fn piped(from: &mut Command, mut into: Command) -> Result<(), String> {
    let mut source =
        from.stdout(Stdio::piped()).spawn().map_err(|error| format!("cannot start {from:?}: {error}"))?;
    if let Some(output) = source.stdout.take() {
        into.stdin(output);
    }
    let received = succeed(into);
    let sent = source.wait().map_err(|error| format!("waiting for {from:?}: {error}"))?;
    received?;
    if sent.success() { Ok(()) } else { Err(format!("{from:?} ended with {sent}")) }
}
