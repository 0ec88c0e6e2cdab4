//! What the demo does: linking, messages, pictures, a group, faults, and the check at the end that everything arrived.

use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::DemoError;
use crate::output::Output;
use crate::people::{ANNA, BEN, Person, WANDA};
use crate::wait::until;
use crate::world::World;

/// A view of a lake.
const PICTURE: &[u8] = include_bytes!("picture.png");
const SESSION: &str = "/api/sessions/default";
const GROUP: &str = "Lake on Sunday";

/// A message, for the check at the end.
struct Line {
    id: String,
    chat: String,
    receivers: Vec<Person>,
}

struct Conversation<'a> {
    world: &'a World,
    output: &'a Output,
    lines: Vec<Line>,
}

/// Goes through all parts. Fails at the first thing that does not happen.
pub async fn run(world: &World, output: &Output) -> Result<(), DemoError> {
    let mut conversation = Conversation { world, output, lines: Vec::new() };
    conversation.link().await?;
    let question = conversation.anna_asks().await?;
    conversation.wanda_answers(&question).await?;
    conversation.pictures().await?;
    conversation.group().await?;
    conversation.faults().await?;
    conversation.check_all().await
}

impl Conversation<'_> {
    async fn link(&mut self) -> Result<(), DemoError> {
        self.output.part(1, "Wanda links her phone");
        for person in [WANDA, ANNA, BEN] {
            person.enter(self.world).await?;
        }
        let started = Instant::now();
        let status = self.wait_status(&["SCAN_QR_CODE", "WORKING"]).await?;
        if status == "WORKING" {
            self.output
                .check("the session was linked in an earlier demo and works again, without a new QR code");
            return Ok(());
        }
        let qr = self.world.gateway(Method::GET, "/api/default/auth/qr?format=raw", None).await?;
        self.output.tell("The gateway shows a QR code (on its start page, in its log, and by HTTP).");
        self.output.tell("Wanda's phone scans it: menu, Linked devices, Link a device.");
        WANDA.act(self.world, "scan", json!({ "qr": qr["value"] })).await?;
        self.wait_status(&["WORKING"]).await?;
        let seconds = started.elapsed().as_secs_f32();
        self.output.check(&format!("linked after {seconds:.1} s; the session \"default\" is WORKING"));
        Ok(())
    }

    async fn wait_status(&self, wanted: &[&str]) -> Result<String, DemoError> {
        until(&format!("the session to be {}", wanted.join(" or ")), async || {
            let session = self.world.gateway(Method::GET, SESSION, None).await?;
            let status = session["status"].as_str().unwrap_or_default().to_owned();
            if status == "FAILED" {
                fail!("the session failed: {}", session["reason"].as_str().unwrap_or("no reason given"));
            }
            Ok(wanted.contains(&status.as_str()).then_some(status))
        })
        .await
    }

    async fn anna_asks(&mut self) -> Result<String, DemoError> {
        self.output.part(2, "Anna writes, the gateway answers");
        let text = "Hi Wanda! Are we still going to the lake on Sunday?";
        let id = self.says_to_wanda(ANNA, WANDA.number, &ANNA.chat(), text).await?;
        self.output.check("stored by the gateway, told to a webhook with a valid signature");

        let seen =
            json!({ "chatId": ANNA.chat(), "messageIds": [self.gateway_id(&id, &ANNA.chat()).await?] });
        self.world.gateway(Method::POST, "/api/sendSeen", Some(seen)).await?;
        ANNA.sees(self.world, &id, "the read mark", |message| has_any(&message["read"])).await?;
        self.output.check("marked as read: Anna sees two blue ticks");
        Ok(id)
    }

    async fn wanda_answers(&mut self, question: &str) -> Result<(), DemoError> {
        let reply_to = self.gateway_id(question, &ANNA.chat()).await?;
        let text = "Yes! I bring the sandwitches.";
        let body = json!({ "chatId": ANNA.chat(), "text": text, "reply_to": reply_to });
        let (full, id) = self.wanda_says("Anna", "/api/sendText", body, text, &ANNA.chat(), &[ANNA]).await?;
        ANNA.sees(self.world, &id, "the answer", |message| {
            message["text"] == text && message["quoted"]["id"] == question
        })
        .await?;
        self.output.check("Anna's phone shows it, quoting her question");

        ANNA.act(self.world, "read", json!({ "ids": [id] })).await?;
        self.acknowledged(&id, 3).await?;
        self.output.check("Anna reads it, and the gateway hears of it (ack READ)");

        let corrected = "Yes! I bring the sandwiches.";
        let path = format!("/api/default/chats/{}/messages/{full}", ANNA.chat());
        self.output.says("Wanda", "Anna", &format!("(edits it) {corrected}"));
        self.world.gateway(Method::PUT, &path, Some(json!({ "text": corrected }))).await?;
        ANNA.sees(self.world, &id, "the edit", |message| message["edited"] == corrected).await?;
        self.output.check("the edit is on Anna's phone");

        ANNA.act(self.world, "react", json!({ "id": id, "emoji": "😋" })).await?;
        self.output.says("Anna", "Wanda", "(reacts) 😋");
        self.world.sink().event("message.reaction", |payload| payload["reaction"]["text"] == "😋").await?;
        let reaction = json!({ "messageId": reply_to, "reaction": "👍" });
        self.world.gateway(Method::PUT, "/api/reaction", Some(reaction)).await?;
        self.output.says("Wanda", "Anna", "(reacts) 👍");
        ANNA.sees(self.world, question, "the reaction", |message| {
            message["reactions"].as_object().is_some_and(|all| all.values().any(|emoji| emoji == "👍"))
        })
        .await?;
        self.output.check("reactions arrive both ways");
        Ok(())
    }

    async fn pictures(&mut self) -> Result<(), DemoError> {
        self.output.part(3, "Pictures, both ways");
        let data = BASE64_STANDARD.encode(PICTURE);
        let caption = "This is the place";
        let body = json!({
            "chatId": ANNA.chat(),
            "caption": caption,
            "file": { "mimetype": "image/png", "filename": "lake.png", "data": data },
        });
        let shown = format!("[picture, {} bytes] {caption}", PICTURE.len());
        let (_, id) = self.wanda_says("Anna", "/api/sendImage", body, &shown, &ANNA.chat(), &[ANNA]).await?;
        ANNA.sees(self.world, &id, "the picture", |message| message["kind"] == "image").await?;
        require!(self.world.phone_file(ANNA.number, &id).await? == PICTURE, "Anna got another picture");
        self.output.check("encrypted, uploaded, downloaded, decrypted: byte for byte the same");

        let image =
            json!({ "data": data, "mimetype": "image/png", "caption": "Lovely! Mine from last year" });
        let id = ANNA.send(self.world, json!({ "to": WANDA.number, "image": image })).await?;
        self.output.says(
            "Anna",
            "Wanda",
            &format!("[picture, {} bytes] Lovely! Mine from last year", PICTURE.len()),
        );
        let payload = self.world.sink().event("message", |payload| is(payload, &id)).await?;
        let url = payload["media"]["url"].as_str().unwrap_or_default();
        require!(self.world.file(url).await? == PICTURE, "the gateway serves another picture");
        self.output.check("the webhook names its address, the gateway serves it: the same bytes");
        self.lines.push(Line { id, chat: ANNA.chat(), receivers: Vec::new() });
        Ok(())
    }

    async fn group(&mut self) -> Result<(), DemoError> {
        self.output.part(4, "A group of three");
        let body =
            json!({ "creator": WANDA.number, "subject": GROUP, "participants": [ANNA.number, BEN.number] });
        let group = self.world.simulator(Method::POST, "/sim/groups", Some(body)).await?;
        let group = group["id"].as_str().unwrap_or_default().to_owned();
        self.output.tell(&format!("Wanda makes the group \"{GROUP}\" with Anna and Ben."));
        for (person, text) in [(BEN, "Can I bring my dog?"), (ANNA, "Of course!")] {
            let id = self.says_to_wanda(person, &group, &group, text).await?;
            let other = if person.number == BEN.number { ANNA } else { BEN };
            other
                .sees(self.world, &id, "the message in the group", |message| message["text"] == text)
                .await?;
            if let Some(line) = self.lines.last_mut() {
                line.receivers.push(other);
            }
        }
        for text in ["Sunday at ten, then.", "Meeting point: the old bridge."] {
            let body = json!({ "chatId": group, "text": text });
            let (_, id) = self.wanda_says("group", "/api/sendText", body, text, &group, &[ANNA, BEN]).await?;
            for person in [ANNA, BEN] {
                person
                    .sees(self.world, &id, "the message in the group", |message| message["text"] == text)
                    .await?;
            }
        }
        self.output.check("everybody in the group has everything");
        Ok(())
    }

    /// Breaks what breaks in real life, and lets the session repair itself.
    async fn faults(&mut self) -> Result<(), DemoError> {
        self.output.part(5, "Things break, and mend");
        self.output.tell("The next message to Wanda is damaged on its way: Bad MAC.");
        self.fault("corrupted").await?;
        self.says_to_wanda(ANNA, WANDA.number, &ANNA.chat(), "Shall I bring my guitar?").await?;
        let health = self.world.gateway(Method::GET, "/health", None).await?;
        require!(!health["info"]["sessions"]["lastUndecryptable"].is_null(), "the message was not damaged");
        self.output.check("the gateway could not decrypt it, asked Anna's phone again, and has it now");

        self.output.tell("The connection to WhatsApp is cut while Ben writes.");
        let before = self.connected().await?;
        self.fault("dropped").await?;
        self.says_to_wanda(BEN, WANDA.number, &BEN.chat(), "I am bringing the dog!").await?;
        until("the session to connect again", async || Ok((self.connected().await? > before).then_some(())))
            .await?;
        self.wait_status(&["WORKING"]).await?;
        self.output.check("connected again by itself, with the same login; Ben's message was not lost");
        Ok(())
    }

    async fn fault(&self, kind: &str) -> Result<(), DemoError> {
        // Wanda's phone gets messages too; the fault is for the gateway's device.
        let phone = self.world.simulator(Method::GET, &format!("/sim/phones/{}", WANDA.number), None).await?;
        let devices = phone["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(id) = devices.iter().filter_map(|device| device["id"].as_u64()).max() else {
            fail!("the simulator knows no device of Wanda's: {phone}");
        };
        let fault = json!({ "kind": kind, "target": format!("{}:{id}", WANDA.number), "count": 1 });
        self.world.simulator(Method::POST, "/sim/faults", Some(fault)).await.map(drop)
    }

    /// When the session's connection was opened last, milliseconds since 1970.
    async fn connected(&self) -> Result<i64, DemoError> {
        let health = self.world.gateway(Method::GET, "/health", None).await?;
        Ok(health["info"]["sessions"]["lastConnected"].as_i64().unwrap_or_default())
    }

    /// Looks at everything once more, on both sides.
    async fn check_all(&self) -> Result<(), DemoError> {
        self.output.part(6, "Did everything arrive?");
        for line in &self.lines {
            let stored = self.stored(&line.chat).await?;
            let copies = stored.iter().filter(|message| is(message, &line.id)).count();
            require!(copies == 1, "the gateway stored a message {copies} times");
            for person in &line.receivers {
                let path = format!("/sim/phones/{}/messages/{}", person.number, line.id);
                let message = self.world.simulator(Method::GET, &path, None).await?;
                require!(message["copies"] == 1, "{} got a message {} times", person.name, message["copies"]);
            }
        }
        let state = self.world.simulator(Method::GET, "/sim/state", None).await?;
        let (observed, reused) = (&state["oracle"]["observed"], &state["oracle"]["reused"]);
        require!(*reused == 0, "encryption keys were used twice: {reused}");
        let messages = self.lines.len();
        self.output.check(&format!(
            "{messages} of {messages} messages, each exactly once, at the gateway and on the phones"
        ));
        self.output.check(&format!("the webhook heard {} events", self.world.sink().count()));
        self.output.check(&format!("of {observed} ciphertexts none used a key twice"));
        self.output.closing("Every message arrived.");
        Ok(())
    }

    /// Somebody writes to the gateway; answers the stanza id once the webhook told of it.
    async fn says_to_wanda(
        &mut self,
        from: Person,
        to: &str,
        chat: &str,
        text: &str,
    ) -> Result<String, DemoError> {
        let id = from.send(self.world, json!({ "to": to, "text": text })).await?;
        self.output.says(from.name, if to == WANDA.number { "Wanda" } else { "group" }, text);
        let payload = self.world.sink().event("message", |payload| is(payload, &id)).await?;
        require!(payload["body"] == text, "the webhook told another text");
        self.lines.push(Line { id: id.clone(), chat: chat.to_owned(), receivers: Vec::new() });
        Ok(id)
    }

    /// The gateway sends; answers the full id and the stanza id.
    async fn wanda_says(
        &mut self,
        to: &str,
        path: &str,
        body: Value,
        shown: &str,
        chat: &str,
        receivers: &[Person],
    ) -> Result<(String, String), DemoError> {
        self.output.says("Wanda", to, shown);
        let sent = self.world.gateway(Method::POST, path, Some(body)).await?;
        let full = sent["id"].as_str().unwrap_or_default().to_owned();
        let Some(id) = full.split('_').nth(2).map(ToOwned::to_owned) else {
            fail!("the gateway answered without a message id: {sent}");
        };
        self.lines.push(Line { id: id.clone(), chat: chat.to_owned(), receivers: receivers.to_vec() });
        Ok((full, id))
    }

    async fn stored(&self, chat: &str) -> Result<Vec<Value>, DemoError> {
        let path = format!("/api/default/chats/{chat}/messages?limit=1000");
        let messages = self.world.gateway(Method::GET, &path, None).await?;
        Ok(messages.as_array().cloned().unwrap_or_default())
    }

    /// The gateway's full id of a message that it stored.
    async fn gateway_id(&self, id: &str, chat: &str) -> Result<String, DemoError> {
        until("the gateway to list the message", async || {
            let stored = self.stored(chat).await?;
            let found = stored.iter().find(|message| is(message, id));
            Ok(found.and_then(|message| message["id"].as_str()).map(ToOwned::to_owned))
        })
        .await
    }

    /// Waits until the gateway's copy of an own message got that far.
    async fn acknowledged(&self, id: &str, ack: i64) -> Result<(), DemoError> {
        until("the gateway to hear that the message was read", async || {
            let stored = self.stored(&ANNA.chat()).await?;
            let message = stored.iter().find(|message| is(message, id));
            Ok(message.filter(|message| message["ack"].as_i64() >= Some(ack)).map(drop))
        })
        .await
    }
}

/// Is it the message with that stanza id?
fn is(message: &Value, id: &str) -> bool {
    message["id"].as_str().and_then(|full| full.split('_').nth(2)) == Some(id)
}

fn has_any(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty())
}
