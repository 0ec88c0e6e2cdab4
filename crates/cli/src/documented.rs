//! The commands of README and docs are those of the program.

use clap::Parser;

use self::pages::pages;
use crate::Cli;

#[path = "../../configuration/src/tests/pages.rs"]
mod pages;

/// The commands of a page's `sh` blocks, comments removed and continued lines joined.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    let joined: String = blocks.map(|block| block.replace("\\\n", " ")).collect();
    let bare = joined.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned());
    bare.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Every `wakeeper ...` of a line that may also hold a pipe, settings before it, or sudo.
fn calls(line: &str) -> Vec<Vec<String>> {
    line.split(['|', ';'])
        .flat_map(|part| part.split("&&"))
        .filter_map(|part| {
            let words: Vec<String> =
                part.split_whitespace().map(|word| word.replace(['"', '\''], "")).collect();
            let program =
                |word: &String| word == "wakeeper" || word.ends_with("/wakeeper") && !word.contains('=');
            let at = words.iter().position(program)?;
            let before = &words[..at];
            let is_prefix =
                |word: &String| word == "sudo" || word == "-u" || word.contains('=') || word == "wakeeper";
            before.iter().all(is_prefix).then(|| words[at..].to_vec())
        })
        .collect()
}

#[test]
fn every_command_of_the_documentation_is_one() {
    let mut seen = 0;
    for (name, page) in pages() {
        for line in commands(&page) {
            for call in calls(&line) {
                seen += 1;
                if let Err(error) = Cli::try_parse_from(&call) {
                    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
                    assert!(matches!(error.kind(), DisplayHelp | DisplayVersion), "{name}: {line}\n{error}");
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} commands were found");
}

#[test]
fn commands_are_found_behind_pipes_and_settings() {
    let page = "```sh\nA=1 wakeeper serve  # starts\ndocker logs x 2>&1 | wakeeper clean \\\n  --log -\necho wakeeper serve\n```";
    let found: Vec<_> = commands(page).iter().flat_map(|line| calls(line)).collect();
    assert_eq!(found, [vec!["wakeeper", "serve"], vec!["wakeeper", "clean", "--log", "-"]]);
}
