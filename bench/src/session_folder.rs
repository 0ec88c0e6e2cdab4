//! A session folder of any size: the credentials and small files of a genuine one, and many records of Signal sessions,
//! each with keys of its own, so that nothing compresses better than the real thing.

use std::collections::HashMap;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use wakeeper_doctor::curve;

/// Key pairs to draw from: making one takes longer than writing a file.
const PAIRS: usize = 2_000;
/// Length of 32 and of 33 bytes in base64.
const KEY_LENGTH: usize = 44;
const SEED: u64 = 20_260_131;

/// The name of the record with this number.
pub fn session_name(index: usize) -> String {
    format!("session-49{:011}.0.json", 15_000_000_000 + index)
}

/// Makes the folder and returns how many bytes it holds.
pub fn make(folder: &Path, files: usize) -> anyhow::Result<u64> {
    let genuine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/doctor/fixtures/baileys7");
    std::fs::DirBuilder::new().mode(0o700).create(folder).context("cannot make the session folder")?;
    let mut templates = Vec::new();
    let mut bytes = 0;
    for item in std::fs::read_dir(&genuine).context("cannot list the fixtures")? {
        let path = item?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        bytes += write(&folder.join(&name), &text)?;
        if name.starts_with("session-") {
            templates.push(text);
        }
    }
    let mut keys = Keys::new();
    for index in 0..files {
        let text = keys.renew(&templates[index % templates.len()]);
        bytes += write(&folder.join(session_name(index)), &text)?;
    }
    Ok(bytes)
}

fn write(path: &Path, text: &str) -> anyhow::Result<u64> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))?;
    Ok(text.len() as u64)
}

struct Keys {
    random: StdRng,
    /// Public and private, in base64.
    pairs: Vec<(String, String)>,
}

impl Keys {
    fn new() -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        let pairs = (0..PAIRS).map(|_| {
            let private: [u8; 32] = random.random();
            let mut public = vec![curve::KEY_TYPE];
            public.extend(curve::public_of(&private));
            (STANDARD.encode(public), STANDARD.encode(private))
        });
        let pairs = pairs.collect();
        Self { random, pairs }
    }

    fn pair(&mut self) -> (String, String) {
        let index = self.random.random_range(0..self.pairs.len());
        self.pairs[index].clone()
    }

    /// The record with other keys; where two places hold the same key they still do.
    fn renew(&mut self, template: &str) -> String {
        let mut renewed: HashMap<String, String> = HashMap::new();
        // Private keys follow their public ones.
        for (at, _) in template.match_indices("\"pubKey\":\"") {
            let public = &template[at + 10..at + 10 + KEY_LENGTH];
            let private_at = at + template[at..].find("\"privKey\":\"").unwrap_or(0) + 11;
            let (new_public, new_private) = self.pair();
            renewed.insert(public.to_owned(), new_public);
            renewed.insert(template[private_at..private_at + KEY_LENGTH].to_owned(), new_private);
        }
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find('"') {
            let (before, from) = rest.split_at(at + 1);
            text.push_str(before);
            rest = from;
            if let Some(key) = rest.get(..KEY_LENGTH).filter(|key| is_key(key)) {
                let other = renewed.get(key).cloned().unwrap_or_else(|| {
                    let new = if key.starts_with('B') {
                        self.pair().0
                    } else {
                        STANDARD.encode(self.random.random::<[u8; 32]>())
                    };
                    renewed.insert(key.to_owned(), new.clone());
                    new
                });
                text.push_str(&other);
                rest = &rest[KEY_LENGTH..];
            }
        }
        text.push_str(rest);
        text
    }
}

fn is_key(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wakeeper_doctor::{Options, Severity, examine};

    #[test]
    fn the_made_folder_is_as_sound_as_a_genuine_one() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("auth_info");
        let bytes = make(&folder, 300).unwrap();
        assert!(bytes > 300 * 800);
        let report = examine(&folder, &Options::at(1_893_456_000_000)).unwrap();
        assert_eq!((report.signal_sessions, report.healthy), (303, true));
        assert!(
            report.findings.iter().all(|finding| finding.severity == Severity::Info),
            "{:?}",
            report.findings
        );
        let texts: std::collections::HashSet<_> =
            (0..300).map(|index| std::fs::read(folder.join(session_name(index))).unwrap()).collect();
        assert_eq!(texts.len(), 300, "each has keys of its own");
    }
}
