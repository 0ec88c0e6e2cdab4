//! The story: linking, a conversation, pictures, a group, and the audit at the end.

use std::time::Instant;

use anyhow::{bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::cast::{ANNA, BEN, Person, WANDA};
use super::narrator::Narrator;
use super::patience::until;
use super::stage::Stage;

/// A view of a lake.
const PICTURE: &[u8] = include_bytes!("picture.png");
const SESSION: &str = "/api/sessions/default";
const GROUP: &str = "Lake on Sunday";

/// A message of the story, for the audit.
struct Line {
    id: String,
    chat: String,
    receivers: Vec<Person>,
}

struct Play<'a> {
    stage: &'a Stage,
    narrator: &'a Narrator,
    script: Vec<Line>,
}

/// Plays all scenes. Fails at the first thing that does not happen.
pub async fn tell(stage: &Stage, narrator: &Narrator) -> anyhow::Result<()> {
    let mut play = Play { stage, narrator, script: Vec::new() };
    play.link().await?;
    let question = play.anna_asks().await?;
    play.wanda_answers(&question).await?;
    play.pictures().await?;
    play.group().await?;
    play.trouble().await?;
    play.audit().await
}

impl Play<'_> {
    async fn link(&mut self) -> anyhow::Result<()> {
        self.narrator.scene(1, "Wanda links her phone");
        for person in [WANDA, ANNA, BEN] {
            person.enter(self.stage).await?;
        }
        let started = Instant::now();
        let status = self.wait_status(&["SCAN_QR_CODE", "WORKING"]).await?;
        if status == "WORKING" {
            self.narrator
                .check("the session was linked in an earlier demo and works again, without a new QR code");
            return Ok(());
        }
        let qr = self.stage.gateway(Method::GET, "/api/default/auth/qr?format=raw", None).await?;
        self.narrator.tell("The gateway shows a QR code (on its start page, in its log, and by HTTP).");
        self.narrator.tell("Wanda's phone scans it: menu, Linked devices, Link a device.");
        WANDA.act(self.stage, "scan", json!({ "qr": qr["value"] })).await?;
        self.wait_status(&["WORKING"]).await?;
        let seconds = started.elapsed().as_secs_f32();
        self.narrator.check(&format!("linked after {seconds:.1} s; the session \"default\" is WORKING"));
        Ok(())
    }

    async fn wait_status(&self, wanted: &[&str]) -> anyhow::Result<String> {
        until(&format!("the session to be {}", wanted.join(" or ")), async || {
            let session = self.stage.gateway(Method::GET, SESSION, None).await?;
            let status = session["status"].as_str().unwrap_or_default().to_owned();
            if status == "FAILED" {
                bail!("the session failed: {}", session["reason"].as_str().unwrap_or("no reason given"));
            }
            Ok(wanted.contains(&status.as_str()).then_some(status))
        })
        .await
    }

    async fn anna_asks(&mut self) -> anyhow::Result<String> {
        self.narrator.scene(2, "Anna writes, the gateway answers");
        let text = "Hi Wanda! Are we still going to the lake on Sunday?";
        let id = self.says_to_wanda(ANNA, WANDA.number, &ANNA.chat(), text).await?;
        self.narrator.check("stored by the gateway, told to a webhook with a valid signature");

        let seen =
            json!({ "chatId": ANNA.chat(), "messageIds": [self.gateway_id(&id, &ANNA.chat()).await?] });
        self.stage.gateway(Method::POST, "/api/sendSeen", Some(seen)).await?;
        ANNA.sees(self.stage, &id, "the read mark", |message| has_any(&message["read"])).await?;
        self.narrator.check("marked as read: Anna sees two blue ticks");
        Ok(id)
    }

    async fn wanda_answers(&mut self, question: &str) -> anyhow::Result<()> {
        let reply_to = self.gateway_id(question, &ANNA.chat()).await?;
        let text = "Yes! I bring the sandwitches.";
        let body = json!({ "chatId": ANNA.chat(), "text": text, "reply_to": reply_to });
        let (full, id) = self.wanda_says("Anna", "/api/sendText", body, text, &ANNA.chat(), &[ANNA]).await?;
        ANNA.sees(self.stage, &id, "the answer", |message| {
            message["text"] == text && message["quoted"]["id"] == question
        })
        .await?;
        self.narrator.check("Anna's phone shows it, quoting her question");

        ANNA.act(self.stage, "read", json!({ "ids": [id] })).await?;
        self.acknowledged(&id, 3).await?;
        self.narrator.check("Anna reads it, and the gateway hears of it (ack READ)");

        let corrected = "Yes! I bring the sandwiches.";
        let path = format!("/api/default/chats/{}/messages/{full}", ANNA.chat());
        self.narrator.says("Wanda", "Anna", &format!("(edits it) {corrected}"));
        self.stage.gateway(Method::PUT, &path, Some(json!({ "text": corrected }))).await?;
        ANNA.sees(self.stage, &id, "the edit", |message| message["edited"] == corrected).await?;
        self.narrator.check("the edit is on Anna's phone");

        ANNA.act(self.stage, "react", json!({ "id": id, "emoji": "😋" })).await?;
        self.narrator.says("Anna", "Wanda", "(reacts) 😋");
        self.stage.ear().event("message.reaction", |payload| payload["reaction"]["text"] == "😋").await?;
        let reaction = json!({ "messageId": reply_to, "reaction": "👍" });
        self.stage.gateway(Method::PUT, "/api/reaction", Some(reaction)).await?;
        self.narrator.says("Wanda", "Anna", "(reacts) 👍");
        ANNA.sees(self.stage, question, "the reaction", |message| {
            message["reactions"].as_object().is_some_and(|all| all.values().any(|emoji| emoji == "👍"))
        })
        .await?;
        self.narrator.check("reactions arrive both ways");
        Ok(())
    }

    async fn pictures(&mut self) -> anyhow::Result<()> {
        self.narrator.scene(3, "Pictures, both ways");
        let data = BASE64_STANDARD.encode(PICTURE);
        let caption = "This is the place";
        let body = json!({
            "chatId": ANNA.chat(),
            "caption": caption,
            "file": { "mimetype": "image/png", "filename": "lake.png", "data": data },
        });
        let shown = format!("[picture, {} bytes] {caption}", PICTURE.len());
        let (_, id) = self.wanda_says("Anna", "/api/sendImage", body, &shown, &ANNA.chat(), &[ANNA]).await?;
        ANNA.sees(self.stage, &id, "the picture", |message| message["kind"] == "image").await?;
        ensure!(self.stage.phone_file(ANNA.number, &id).await? == PICTURE, "Anna got another picture");
        self.narrator.check("encrypted, uploaded, downloaded, decrypted: byte for byte the same");

        let image =
            json!({ "data": data, "mimetype": "image/png", "caption": "Lovely! Mine from last year" });
        let id = ANNA.send(self.stage, json!({ "to": WANDA.number, "image": image })).await?;
        self.narrator.says(
            "Anna",
            "Wanda",
            &format!("[picture, {} bytes] Lovely! Mine from last year", PICTURE.len()),
        );
        let payload = self.stage.ear().event("message", |payload| is(payload, &id)).await?;
        let url = payload["media"]["url"].as_str().unwrap_or_default();
        ensure!(self.stage.file(url).await? == PICTURE, "the gateway serves another picture");
        self.narrator.check("the webhook names its address, the gateway serves it: the same bytes");
        self.script.push(Line { id, chat: ANNA.chat(), receivers: Vec::new() });
        Ok(())
    }

    async fn group(&mut self) -> anyhow::Result<()> {
        self.narrator.scene(4, "A group of three");
        let body =
            json!({ "creator": WANDA.number, "subject": GROUP, "participants": [ANNA.number, BEN.number] });
        let group = self.stage.simulator(Method::POST, "/sim/groups", Some(body)).await?;
        let group = group["id"].as_str().unwrap_or_default().to_owned();
        self.narrator.tell(&format!("Wanda makes the group \"{GROUP}\" with Anna and Ben."));
        for (person, text) in [(BEN, "Can I bring my dog?"), (ANNA, "Of course!")] {
            let id = self.says_to_wanda(person, &group, &group, text).await?;
            let other = if person.number == BEN.number { ANNA } else { BEN };
            other
                .sees(self.stage, &id, "the message in the group", |message| message["text"] == text)
                .await?;
            if let Some(line) = self.script.last_mut() {
                line.receivers.push(other);
            }
        }
        for text in ["Sunday at ten, then.", "Meeting point: the old bridge."] {
            let body = json!({ "chatId": group, "text": text });
            let (_, id) = self.wanda_says("group", "/api/sendText", body, text, &group, &[ANNA, BEN]).await?;
            for person in [ANNA, BEN] {
                person
                    .sees(self.stage, &id, "the message in the group", |message| message["text"] == text)
                    .await?;
            }
        }
        self.narrator.check("everybody in the group has everything");
        Ok(())
    }

    /// Breaks what breaks in real life, and lets the session mend itself.
    async fn trouble(&mut self) -> anyhow::Result<()> {
        self.narrator.scene(5, "Things break, and mend");
        self.narrator.tell("The next message to Wanda is damaged on its way: Bad MAC.");
        self.fault("corrupted").await?;
        self.says_to_wanda(ANNA, WANDA.number, &ANNA.chat(), "Shall I bring my guitar?").await?;
        let health = self.stage.gateway(Method::GET, "/health", None).await?;
        ensure!(!health["info"]["sessions"]["lastUndecryptable"].is_null(), "the message was not damaged");
        self.narrator.check("the gateway could not decrypt it, asked Anna's phone again, and has it now");

        self.narrator.tell("The connection to WhatsApp is cut while Ben writes.");
        let before = self.connected().await?;
        self.fault("dropped").await?;
        self.says_to_wanda(BEN, WANDA.number, &BEN.chat(), "I am bringing the dog!").await?;
        until("the session to connect again", async || Ok((self.connected().await? > before).then_some(())))
            .await?;
        self.wait_status(&["WORKING"]).await?;
        self.narrator.check("connected again by itself, with the same login; Ben's message was not lost");
        Ok(())
    }

    async fn fault(&self, kind: &str) -> anyhow::Result<()> {
        // Wanda's phone gets messages too; the fault is for the gateway's device.
        let phone = self.stage.simulator(Method::GET, &format!("/sim/phones/{}", WANDA.number), None).await?;
        let devices = phone["devices"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(id) = devices.iter().filter_map(|device| device["id"].as_u64()).max() else {
            bail!("the simulator knows no device of Wanda's: {phone}");
        };
        let fault = json!({ "kind": kind, "target": format!("{}:{id}", WANDA.number), "count": 1 });
        self.stage.simulator(Method::POST, "/sim/faults", Some(fault)).await.map(drop)
    }

    /// When the session's connection was opened last, milliseconds since 1970.
    async fn connected(&self) -> anyhow::Result<i64> {
        let health = self.stage.gateway(Method::GET, "/health", None).await?;
        Ok(health["info"]["sessions"]["lastConnected"].as_i64().unwrap_or_default())
    }

    /// Looks at everything once more, on both sides.
    async fn audit(&self) -> anyhow::Result<()> {
        self.narrator.scene(6, "Did everything arrive?");
        for line in &self.script {
            let stored = self.stored(&line.chat).await?;
            let copies = stored.iter().filter(|message| is(message, &line.id)).count();
            ensure!(copies == 1, "the gateway stored a message {copies} times");
            for person in &line.receivers {
                let path = format!("/sim/phones/{}/messages/{}", person.number, line.id);
                let message = self.stage.simulator(Method::GET, &path, None).await?;
                ensure!(message["copies"] == 1, "{} got a message {} times", person.name, message["copies"]);
            }
        }
        let state = self.stage.simulator(Method::GET, "/sim/state", None).await?;
        let (observed, reused) = (&state["oracle"]["observed"], &state["oracle"]["reused"]);
        ensure!(*reused == 0, "encryption keys were used twice: {reused}");
        let messages = self.script.len();
        self.narrator.check(&format!(
            "{messages} of {messages} messages, each exactly once, at the gateway and on the phones"
        ));
        self.narrator.check(&format!("the webhook heard {} events", self.stage.ear().count()));
        self.narrator.check(&format!("of {observed} ciphertexts none used a key twice"));
        self.narrator.closing("Every message arrived.");
        Ok(())
    }

    /// Somebody writes to the gateway; answers the stanza id once the webhook told of it.
    async fn says_to_wanda(
        &mut self,
        from: Person,
        to: &str,
        chat: &str,
        text: &str,
    ) -> anyhow::Result<String> {
        let id = from.send(self.stage, json!({ "to": to, "text": text })).await?;
        self.narrator.says(from.name, if to == WANDA.number { "Wanda" } else { "group" }, text);
        let payload = self.stage.ear().event("message", |payload| is(payload, &id)).await?;
        ensure!(payload["body"] == text, "the webhook told another text");
        self.script.push(Line { id: id.clone(), chat: chat.to_owned(), receivers: Vec::new() });
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
    ) -> anyhow::Result<(String, String)> {
        self.narrator.says("Wanda", to, shown);
        let sent = self.stage.gateway(Method::POST, path, Some(body)).await?;
        let full = sent["id"].as_str().unwrap_or_default().to_owned();
        let Some(id) = full.split('_').nth(2).map(ToOwned::to_owned) else {
            bail!("the gateway answered without a message id: {sent}");
        };
        self.script.push(Line { id: id.clone(), chat: chat.to_owned(), receivers: receivers.to_vec() });
        Ok((full, id))
    }

    async fn stored(&self, chat: &str) -> anyhow::Result<Vec<Value>> {
        let path = format!("/api/default/chats/{chat}/messages?limit=1000");
        let messages = self.stage.gateway(Method::GET, &path, None).await?;
        Ok(messages.as_array().cloned().unwrap_or_default())
    }

    /// The gateway's full id of a message that it stored.
    async fn gateway_id(&self, id: &str, chat: &str) -> anyhow::Result<String> {
        until("the gateway to list the message", async || {
            let stored = self.stored(chat).await?;
            let found = stored.iter().find(|message| is(message, id));
            Ok(found.and_then(|message| message["id"].as_str()).map(ToOwned::to_owned))
        })
        .await
    }

    /// Waits until the gateway's copy of an own message got that far.
    async fn acknowledged(&self, id: &str, ack: i64) -> anyhow::Result<()> {
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
