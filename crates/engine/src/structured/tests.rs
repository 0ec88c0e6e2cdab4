use bytes::Bytes;

use super::*;
use crate::outbound::composer::fingerprint;
use crate::outbound::outgoing::{MediaSource, Outgoing};

fn text(text: &str) -> String {
    text.to_owned()
}

fn id(number: u8) -> MessageId {
    format!("true_628111@c.us_A{number}").parse().unwrap()
}

fn file(content: &'static [u8], mimetype: &str, filename: &str) -> FileBody {
    FileBody {
        source: MediaSource::Data(Bytes::from_static(content)),
        mimetype: Some(text(mimetype)),
        filename: Some(text(filename)),
    }
}

fn link() -> Link {
    Link {
        text: text("t"),
        url: text("u"),
        title: text("i"),
        description: text("d"),
        image: None,
        large: false,
    }
}

fn list() -> List {
    let row = |row: &str| Row { title: text(row), description: text("d"), id: text(row) };
    let sections = vec![
        Section { title: text("s"), rows: vec![row("1"), row("2")] },
        Section { title: text("z"), rows: vec![row("3")] },
    ];
    List { title: text("t"), description: text("d"), footer: text("f"), button: text("b"), sections }
}

fn buttons() -> Buttons {
    let buttons = vec![Button { text: text("t"), action: ButtonAction::Reply(text("v")) }];
    Buttons { header: text("h"), image: None, body: text("b"), footer: text("f"), buttons }
}

fn lists() -> Vec<Structure> {
    let changed = |change: &dyn Fn(&mut List)| {
        let mut list = list();
        change(&mut list);
        Structure::List(list)
    };
    vec![
        changed(&|_| {}),
        changed(&|list| list.title = text("x")),
        changed(&|list| list.description = text("x")),
        changed(&|list| list.footer = text("x")),
        changed(&|list| list.button = text("x")),
        changed(&|list| list.sections[0].title = text("x")),
        changed(&|list| list.sections[0].rows[0].title = text("x")),
        changed(&|list| list.sections[0].rows[0].description = text("x")),
        changed(&|list| list.sections[0].rows[0].id = text("x")),
        // The last row of one section is not the first of the next.
        changed(&|list| {
            let row = list.sections[0].rows.pop().unwrap();
            list.sections[1].rows.insert(0, row);
        }),
    ]
}

fn with_buttons() -> Vec<Structure> {
    let changed = |change: &dyn Fn(&mut Buttons)| {
        let mut buttons = buttons();
        change(&mut buttons);
        Structure::Buttons(buttons)
    };
    vec![
        changed(&|_| {}),
        changed(&|buttons| buttons.header = text("x")),
        changed(&|buttons| buttons.body = text("x")),
        changed(&|buttons| buttons.footer = text("x")),
        changed(&|buttons| buttons.image = Some(file(b"1", "image/png", "a"))),
        changed(&|buttons| buttons.buttons[0].text = text("x")),
        changed(&|buttons| buttons.buttons[0].action = ButtonAction::Reply(text("x"))),
        changed(&|buttons| buttons.buttons[0].action = ButtonAction::Url(text("v"))),
        changed(&|buttons| buttons.buttons[0].action = ButtonAction::Call(text("v"))),
        changed(&|buttons| buttons.buttons[0].action = ButtonAction::Copy(text("v"))),
        changed(&|buttons| buttons.buttons.extend(buttons.buttons.clone())),
        Structure::ButtonReply(ButtonReply { id: text("a"), text: text("b") }),
        Structure::ButtonReply(ButtonReply { id: text("b"), text: text("b") }),
        Structure::ButtonReply(ButtonReply { id: text("a"), text: text("a") }),
    ]
}

fn polls() -> Vec<Structure> {
    let poll = |name: &str, options: &[&str], multiple| {
        let options = options.iter().map(|option| text(option)).collect();
        Structure::Poll(Poll { name: text(name), options, multiple })
    };
    let vote = |poll, options: &[&str]| {
        Structure::Vote(Vote { poll: id(poll), options: options.iter().map(|option| text(option)).collect() })
    };
    let event = || Event {
        name: text("n"),
        description: Some(text("d")),
        start_s: 1,
        end_s: Some(2),
        place: Some(text("p")),
        guests: false,
    };
    vec![
        Structure::Event(event()),
        Structure::Event(Event { name: text("x"), ..event() }),
        Structure::Event(Event { description: None, ..event() }),
        Structure::Event(Event { start_s: 2, ..event() }),
        Structure::Event(Event { end_s: None, ..event() }),
        Structure::Event(Event { place: None, ..event() }),
        Structure::Event(Event { guests: true, ..event() }),
        poll("n", &["a", "b"], false),
        poll("x", &["a", "b"], false),
        poll("n", &["a", "c"], false),
        poll("n", &["a", "b", "c"], false),
        poll("n", &["a", "b"], true),
        vote(1, &["a"]),
        vote(2, &["a"]),
        vote(1, &["b"]),
        vote(1, &[]),
        vote(1, &["a", "b"]),
    ]
}

fn others() -> Vec<Structure> {
    let place = |latitude, longitude, title: &str| {
        Structure::Location(Location { latitude, longitude, title: text(title) })
    };
    let card = |name: &str, vcard: &str| Card { name: text(name), vcard: text(vcard) };
    let pin = |message, seconds| Structure::Pin(Pin { message: id(message), seconds });
    let image = || Some(file(b"1", "image/jpeg", "a"));
    vec![
        place(1.0, 2.0, "t"),
        place(1.5, 2.0, "t"),
        place(1.0, 2.5, "t"),
        place(1.0, 2.0, "x"),
        Structure::Contacts(vec![card("a", "b")]),
        Structure::Contacts(vec![card("x", "b")]),
        Structure::Contacts(vec![card("a", "x")]),
        Structure::Contacts(vec![card("a", "b"), card("a", "b")]),
        Structure::Forward(id(1)),
        Structure::Forward(id(2)),
        Structure::Sticker(file(b"1", "image/webp", "a")),
        Structure::Sticker(file(b"2", "image/webp", "a")),
        Structure::Sticker(file(b"1", "image/png", "a")),
        Structure::Sticker(file(b"1", "image/webp", "b")),
        Structure::Link(link()),
        Structure::Link(Link { text: text("x"), ..link() }),
        Structure::Link(Link { url: text("x"), ..link() }),
        Structure::Link(Link { title: text("x"), ..link() }),
        Structure::Link(Link { description: text("x"), ..link() }),
        Structure::Link(Link { large: true, ..link() }),
        Structure::Link(Link { image: image(), ..link() }),
        pin(1, Some(1)),
        pin(2, Some(1)),
        pin(1, Some(2)),
        pin(1, None),
    ]
}

/// A request that differs in anything is another one under an idempotency key.
#[test]
fn every_field_of_every_kind_tells_requests_apart() {
    let of = |content: Structure, reply_to, id: Option<&str>| {
        let chat = "628111".parse().unwrap();
        let id = id.map(|id| id.parse().unwrap());
        fingerprint(&Outgoing::Structured(Structured { chat, content, reply_to, id })).unwrap()
    };
    let all = || [lists(), with_buttons(), polls(), others()].concat();
    let mut prints: Vec<_> = all().into_iter().map(|content| of(content, None, None)).collect();
    let again: Vec<_> = all().into_iter().map(|content| of(content, None, None)).collect();
    assert_eq!(prints, again);
    prints.push(of(Structure::Forward(id(1)), Some(id(3)), None));
    prints.push(of(Structure::Forward(id(1)), None, Some("A3")));
    let count = prints.len();
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), count, "two requests that differ are taken for one");
}
