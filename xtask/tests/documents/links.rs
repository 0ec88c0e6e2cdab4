//! Links between pages lead to files and headings that are there.

use crate::{pages, repository, text};

/// The targets of a page's links, but for those to other places.
fn links(page: &str) -> Vec<String> {
    let targets =
        page.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()));
    targets.filter(|target| !target.contains("://") && !target.contains(' ')).collect()
}

/// A heading as a link names it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|character| character.is_alphanumeric() || " -_".contains(*character))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn links_lead_to_what_is_there() {
    let mut broken = Vec::new();
    for (name, page) in pages() {
        let folder = repository().join(&name).parent().expect("a folder").to_path_buf();
        for link in links(&page) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let path = if file.is_empty() { repository().join(&name) } else { folder.join(file) };
            if !path.exists() {
                broken.push(format!("{name}: {link}"));
            } else if !heading.is_empty() {
                let target = std::fs::read_to_string(&path).expect("a page");
                let headings =
                    target.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
                if !headings.map(anchor).any(|known| known == heading) {
                    broken.push(format!("{name}: {link}: no such heading"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn readme_leads_to_every_page() {
    let readme = text("README.md");
    let reached: String = pages().into_iter().map(|(_, page)| page).collect();
    for (name, _) in pages().into_iter().skip(1) {
        let short = name.strip_prefix("docs/").expect("a page of docs");
        let contributing = text("CONTRIBUTING.md");
        assert!(
            readme.contains(&name) || reached.contains(&format!("({short}")) || contributing.contains(&name),
            "no page leads to {name}"
        );
    }
}
