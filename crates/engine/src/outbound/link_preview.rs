//! Previews of links in texts: title, description and picture of the page, as WhatsApp's apps add them.
//!
//! The page is fetched as files by URL are, with the same limits on where it may be. A page that cannot be had, or says
//! nothing of itself, makes no preview, and the text goes out without.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::time::{Instant, timeout_at};

use crate::media::convert::Target;
use crate::media::fetch::{self, Fetched, Limits};
use crate::media::spool::Spooled;
use crate::message::{Preview, is_jpeg};

/// How long page and pictures may take together. What is not there by then is left out.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Longer pages make no preview.
const LONGEST_PAGE: u64 = 4 << 20;
/// So much of a page is looked at: its head comes first.
const LOOKED_AT: u64 = 512 << 10;
/// Larger pictures are left out.
const LARGEST_PICTURE: u64 = 5 << 20;
/// Larger ones are made smaller: the preview carries the picture in itself.
const LARGEST_INSIDE: u64 = 64 << 10;
/// Longest title, and longest description, in characters.
const LONGEST_TITLE: usize = 300;
/// Longest address of a picture, in bytes. A longer one is no address.
const LONGEST_ADDRESS: usize = 4 << 10;
/// Longest name of a letter, as in `&hellip;`, in bytes.
const LONGEST_NAME: usize = 8;

/// The first link in a text.
pub(crate) fn link(text: &str) -> Option<&str> {
    let links = text.split_whitespace().map(|word| word.trim_start_matches(['(', '<', '"', '\'', '[']));
    let mut links = links.filter(|word| word.starts_with("https://") || word.starts_with("http://"));
    links.next().map(|word| word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '>', '"', '\'', ']']))
}

/// The preview of the first link in a text and, where a `large` picture is wanted, that: a JPEG.
pub(crate) async fn of(text: &str, limits: &Limits, large: bool) -> Option<(Preview, Option<Arc<Spooled>>)> {
    let until = Instant::now() + PATIENCE;
    let link = link(text)?;
    let (mut preview, picture) = timeout_at(until, make(link, limits)).await.ok().flatten()?;
    let Some(picture) = picture else { return Some((preview, None)) };
    let fetched = timeout_at(until, small(picture.as_str(), limits, LARGEST_PICTURE)).await;
    let Some(picture) = fetched.ok().flatten().map(|fetched| Arc::new(fetched.content)) else {
        return Some((preview, None));
    };
    preview.picture = timeout_at(until, small_picture(&picture, limits)).await.ok().flatten();
    if !large {
        return Some((preview, None));
    }
    let large = timeout_at(until, large_picture(picture, limits)).await;
    Some((preview, large.ok().flatten()))
}

/// A picture that goes inside of a message. Where others are being converted it does without: no text waits for them.
async fn small_picture(picture: &Arc<Spooled>, limits: &Limits) -> Option<Vec<u8>> {
    if picture.length() <= LARGEST_INSIDE {
        let bytes = content(picture, LARGEST_INSIDE).await?;
        // What it is called may be wrong.
        if is_jpeg(&bytes) {
            return Some(bytes);
        }
    }
    let made = limits.converter.convert_at_once(picture, Target::Small).await.ok()?;
    content(&made.file, LARGEST_INSIDE).await.filter(|_| made.file.length() <= LARGEST_INSIDE)
}

async fn large_picture(picture: Arc<Spooled>, limits: &Limits) -> Option<Arc<Spooled>> {
    if is_jpeg(&content(&picture, 3).await?) {
        return Some(picture);
    }
    Some(limits.converter.convert(&picture, Target::Large).await.ok()?.file)
}

/// What a page says of itself, and where its picture is.
async fn make(link: &str, limits: &Limits) -> Option<(Preview, Option<Url>)> {
    let page = small(link, limits, LONGEST_PAGE).await?;
    if !page.mimetype.as_deref().is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html")) {
        return None;
    }
    let page = content(&Arc::new(page.content), LOOKED_AT).await?;
    let read = tokio::task::spawn_blocking(move || Head::of(&String::from_utf8_lossy(&page)));
    let head = read.await.ok()?;
    let picture = head.picture.and_then(|picture| Url::parse(link).ok()?.join(&picture).ok());
    let preview =
        Preview { link: link.to_owned(), title: head.title?, description: head.description, picture: None };
    Some((preview, picture))
}

async fn small(url: &str, limits: &Limits, largest: u64) -> Option<Fetched> {
    let limits = Limits { max_bytes: largest.min(limits.max_bytes), ..limits.clone() };
    let fetched = fetch::fetch(url, &limits).await;
    fetched.inspect_err(|error| tracing::debug!(%error, "no preview of a link")).ok()
}

async fn content(file: &Arc<Spooled>, most: u64) -> Option<Vec<u8>> {
    let mut reader = file.reader(0).take(most);
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
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
            let content = || get("content").and_then(title);
            match get("property").or_else(|| get("name")).map(str::to_ascii_lowercase).as_deref() {
                Some("og:title") => head.title = head.title.or_else(content),
                Some("og:description") => head.description = head.description.or_else(content),
                Some("og:image" | "og:image:url") => {
                    head.picture = head.picture.or_else(|| get("content").and_then(address));
                }
                Some("description") => plain = plain.or_else(content),
                _ => {}
            }
            from = end;
        }
        let plain_title = lower.find("<title").and_then(|start| {
            let start = start + lower[start..].find('>')? + 1;
            let end = start + lower[start..].find("</title")?;
            title(&page[start..end])
        });
        head.title = head.title.or(plain_title);
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

/// A title or a description; `None` for an empty one.
fn title(text: &str) -> Option<String> {
    Some(decoded(text, LONGEST_TITLE)).filter(|title| !title.is_empty())
}

/// The address of a picture. One that is cut would lead elsewhere.
fn address(text: &str) -> Option<String> {
    let text = Some(text).filter(|text| text.len() <= LONGEST_ADDRESS)?;
    Some(decoded(text, LONGEST_ADDRESS)).filter(|address| !address.is_empty())
}

/// A text of a page as people see it: on one line, with its letters, and at most so many of them.
fn decoded(text: &str, most: usize) -> String {
    // Each letter may be written as its name, between `&` and `;`. What comes later is not looked at.
    let text = text.trim_start();
    let end = text.char_indices().nth(most * (LONGEST_NAME + 2)).map_or(text.len(), |(at, _)| at);
    let mut plain = String::new();
    let mut rest = &text[..end];
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let end = after.bytes().take(LONGEST_NAME + 1).position(|byte| byte == b';');
        let name = end.map(|end| &after[..end]);
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
    words.join(" ").chars().take(most).collect()
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

    #[test]
    fn a_page_of_nothing_but_signs_is_read_at_once() {
        // Half a megabyte, in which each sign could begin the name of a letter that ends at the end.
        let signs = "&".repeat(500 << 10);
        let head = Head::of(&format!("<title>{signs};</title><meta name=description content='{signs};'>"));
        let expected = Some("&".repeat(LONGEST_TITLE));
        assert_eq!(head, Head { title: expected.clone(), description: expected, picture: None });
        let named = "&#x1f600;".repeat(LONGEST_TITLE);
        assert_eq!(title(&named), Some("\u{1f600}".repeat(LONGEST_TITLE)), "names of letters are no letters");
    }

    #[test]
    fn the_address_of_a_picture_is_whole_or_none() {
        let page = |length| {
            let address = format!("/{}", "a".repeat(length - 1));
            (Head::of(&format!("<meta property=og:image content='{address}'>")).picture, address)
        };
        let (picture, address) = page(LONGEST_ADDRESS);
        assert_eq!(picture, Some(address));
        assert_eq!(page(LONGEST_ADDRESS + 1).0, None);
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
            converter: Converter::new(None, spool.clone(), 1 << 20),
        };
        let (preview, large) = of(&format!("look: {base}/page"), &limits(true), true).await.unwrap();
        let expected = Preview {
            link: format!("{base}/page"),
            title: "A page".to_owned(),
            description: None,
            picture: Some(vec![0xff, 0xd8, 0xff, 0xe0]),
        };
        assert_eq!(preview, expected);
        assert_eq!(large.map(|picture| picture.length()), Some(4), "a JPEG is large as it is");
        let (_, none) = of(&format!("{base}/page"), &limits(true), false).await.unwrap();
        assert!(none.is_none(), "nobody wants it large");
        for nothing in ["/text", "/empty", "/missing"] {
            assert!(of(&format!("{base}{nothing}"), &limits(true), true).await.is_none(), "{nothing}");
        }
        assert!(of(&format!("{base}/page"), &limits(false), true).await.is_none(), "a private address");
    }
}
