//! Previews of links in texts: title, description and picture of the page, as WhatsApp's apps add them.
//!
//! The page is fetched as files by URL are, with the same limits on where it may be. A page that cannot be had, or says
//! nothing of itself, makes no preview, and the text goes out without.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::media::fetch::{self, Fetched, Limits};
use crate::message::Preview;

/// How long page and picture may take together.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer pages make no preview.
const LONGEST_PAGE: u64 = 4 << 20;
/// So much of a page is looked at: its head comes first.
const LOOKED_AT: u64 = 512 << 10;
/// Larger pictures are left out: the preview carries the picture in itself.
const LARGEST_PICTURE: u64 = 64 << 10;
/// Longest title, and longest description, in characters.
const LONGEST_TITLE: usize = 300;

/// The first link in a text.
pub(crate) fn link(text: &str) -> Option<&str> {
    let links = text.split_whitespace().map(|word| word.trim_start_matches(['(', '<', '"', '\'', '[']));
    let mut links = links.filter(|word| word.starts_with("https://") || word.starts_with("http://"));
    links.next().map(|word| word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '>', '"', '\'', ']']))
}

/// The preview of the first link in a text.
pub(crate) async fn of(text: &str, limits: &Limits) -> Option<Preview> {
    let link = link(text)?;
    let fetched = tokio::time::timeout(PATIENCE, make(link, limits)).await;
    fetched.ok().flatten()
}

async fn make(link: &str, limits: &Limits) -> Option<Preview> {
    let page = small(link, limits, LONGEST_PAGE).await?;
    if !page.mimetype.as_deref().is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html")) {
        return None;
    }
    let page = content(page, LOOKED_AT).await?;
    let head = Head::of(&String::from_utf8_lossy(&page));
    let picture = match head.picture.and_then(|picture| Url::parse(link).ok()?.join(&picture).ok()) {
        Some(picture) => jpeg(picture.as_str(), limits).await,
        None => None,
    };
    Some(Preview { link: link.to_owned(), title: head.title?, description: head.description, picture })
}

async fn jpeg(url: &str, limits: &Limits) -> Option<Vec<u8>> {
    let bytes = content(small(url, limits, LARGEST_PICTURE).await?, LARGEST_PICTURE).await?;
    // What it is called may be wrong.
    bytes.starts_with(&[0xff, 0xd8, 0xff]).then_some(bytes)
}

async fn small(url: &str, limits: &Limits, largest: u64) -> Option<Fetched> {
    let limits = Limits { max_bytes: largest.min(limits.max_bytes), ..limits.clone() };
    let fetched = fetch::fetch(url, &limits).await;
    fetched.inspect_err(|error| tracing::debug!(%error, "no preview of a link")).ok()
}

async fn content(fetched: Fetched, most: u64) -> Option<Vec<u8>> {
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        let mut reader = Arc::new(fetched.content).reader(0).take(most);
        reader.read_to_end(&mut bytes).map(|_| bytes)
    });
    read.await.ok()?.ok()
}

/// What a page says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    title: Option<String>,
    description: Option<String>,
    picture: Option<String>,
}

impl Head {
    /// Reads the tags `meta` of Open Graph (`og:title` and so on), else `title` and the plain description.
    fn of(page: &str) -> Self {
        let lower = page.to_ascii_lowercase();
        let (mut head, mut plain) = (Self::default(), None);
        let mut from = 0;
        while let Some(start) = lower[from..].find("<meta").map(|at| from + at + "<meta".len()) {
            let Some(end) = lower[start..].find('>').map(|at| start + at) else { break };
            let tag = attributes(&page[start..end]);
            let get = |name: &str| tag.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            let content = get("content").map(decoded).filter(|content| !content.is_empty());
            match get("property").or_else(|| get("name")).map(str::to_ascii_lowercase).as_deref() {
                Some("og:title") => head.title = head.title.or(content),
                Some("og:description") => head.description = head.description.or(content),
                Some("og:image" | "og:image:url") => head.picture = head.picture.or(content),
                Some("description") => plain = plain.or(content),
                _ => {}
            }
            from = end;
        }
        let title = lower.find("<title").and_then(|start| {
            let start = start + lower[start..].find('>')? + 1;
            let end = start + lower[start..].find("</title")?;
            Some(decoded(&page[start..end])).filter(|title| !title.is_empty())
        });
        head.title = head.title.or(title);
        head.description = head.description.or(plain);
        head
    }
}

/// The attributes of a tag, their names in small letters.
fn attributes(mut tag: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = tag.split_once('=') {
        let name = name.split_whitespace().next_back().unwrap_or_default().to_ascii_lowercase();
        let rest = rest.trim_start();
        let (value, rest) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..].split_once(quote).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        found.push((name, value.to_owned()));
        tag = rest;
    }
    found
}

/// A text of a page as people see it: on one line, with its letters, and not endless.
fn decoded(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let name = after.split_once(';').map(|(name, _)| name).filter(|name| name.len() <= 8);
        if let Some((name, letter)) = name.and_then(|name| Some((name, letter(name)?))) {
            plain.push(letter);
            rest = &after[name.len() + 1..];
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST_TITLE).collect()
}

fn letter(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|letter| !letter.is_control());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::Html;
    use axum::routing::get;

    use super::*;
    use crate::media::convert::Converter;
    use crate::media::pace::LeastRate;
    use crate::media::spool::Spool;

    #[test]
    fn the_first_link_is_found_without_what_stands_around_it() {
        for (text, expected) in [
            ("see https://example.org/a?b=c.", Some("https://example.org/a?b=c")),
            ("(http://example.org)", Some("http://example.org")),
            ("one https://a.example, two https://b.example", Some("https://a.example")),
            ("example.org and ftp://example.org", None),
        ] {
            assert_eq!(link(text), expected, "{text}");
        }
    }

    #[test]
    fn a_page_says_what_it_is() {
        let head = Head::of(
            "<HTML><head><title>Plain\n title</title><META content='A &amp; B &#39;c&#x27;' PROPERTY=og:title>\
             <meta name=\"description\" content=\"what it is\"><meta property='og:image' content='/a.jpg'></head>",
        );
        let text = |text: &str| Some(text.to_owned());
        let expected =
            Head { title: text("A & B 'c'"), description: text("what it is"), picture: text("/a.jpg") };
        assert_eq!(head, expected);
        assert_eq!(
            Head::of("<title>Plain\n title &bogus; & more</title>").title,
            text("Plain title &bogus; & more")
        );
        for nothing in ["", "<meta", "<meta content=", "<title>", "<title></title>", "no page at all"] {
            assert_eq!(Head::of(nothing), Head::default(), "{nothing}");
        }
    }

    #[tokio::test]
    async fn a_preview_is_made_of_the_page_and_its_picture() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let page = "<title>A page</title><meta property='og:image' content='/a.jpg'>";
        let router = Router::new()
            .route("/page", get(move || async move { Html(page) }))
            .route("/a.jpg", get(|| async { vec![0xff_u8, 0xd8, 0xff, 0xe0] }))
            .route("/text", get(move || async move { page }))
            .route("/empty", get(|| async { Html("") }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let spool = Spool::new(&std::env::temp_dir(), 1 << 20);
        let limits = |allow_private| Limits {
            max_bytes: 1 << 20,
            allow_private,
            least_rate: LeastRate::default(),
            spool: spool.clone(),
            converter: Converter::new(None, spool.clone()),
        };
        let preview = of(&format!("look: {base}/page"), &limits(true)).await.unwrap();
        let expected = Preview {
            link: format!("{base}/page"),
            title: "A page".to_owned(),
            description: None,
            picture: Some(vec![0xff, 0xd8, 0xff, 0xe0]),
        };
        assert_eq!(preview, expected);
        for nothing in ["/text", "/empty", "/missing"] {
            assert_eq!(of(&format!("{base}{nothing}"), &limits(true)).await, None, "{nothing}");
        }
        assert_eq!(of(&format!("{base}/page"), &limits(false)).await, None, "a private address");
    }
}
