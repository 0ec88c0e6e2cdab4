//! Files that phones do not play are sent as ones that they do, by the real ffmpeg.

use std::process::Command;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wakeeper_e2e::party::{chat_id, stanza_id};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Baileys, Gateway, Lab, PATIENCE, Peer, Webhooks, told};

/// Half a second of a tone: WAV, 8,000 samples a second.
pub fn wav() -> Vec<u8> {
    let samples: Vec<u8> =
        (0..4_000u32).flat_map(|at| if at / 9 % 2 == 0 { [0, 0x20] } else { [0, 0xe0] }).collect();
    let length = samples.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((length + 36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8_000u32.to_le_bytes());
    file.extend(16_000u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(samples);
    file
}

/// A picture that moves, in another format than phones play.
fn moving(format: &str) -> Vec<u8> {
    let arguments =
        format!("-nostdin -loglevel error -f lavfi -i testsrc=duration=1:size=160x90:rate=5 {format} pipe:1");
    let output = Command::new("ffmpeg").args(arguments.split(' ')).output().unwrap();
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

struct Scene<'a> {
    gateway: &'a Gateway,
    peer: &'a Peer,
    to: String,
}

impl Scene<'_> {
    fn body(&self, file: &[u8], more: &Value) -> Value {
        let mut body =
            json!({"session": "default", "chatId": self.to, "file": {"data": STANDARD.encode(file)}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    /// Sends; what the client got, and its file.
    async fn sent(&self, path: &str, body: Value) -> (Value, Vec<u8>) {
        let answer = self.gateway.answer(self.gateway.request(Method::POST, path).json(&body)).await.unwrap();
        assert_eq!(answer.status, StatusCode::CREATED, "{path}: {}", answer.body);
        let id = stanza_id(answer.body["id"].as_str().unwrap()).to_owned();
        let arrived = self.peer.wait("message", PATIENCE, |event| event["key"]["id"] == id).await;
        let file = self.peer.call("download", json!({"message": id})).await;
        (arrived["content"].clone(), STANDARD.decode(file["data"].as_str().unwrap()).unwrap())
    }
}

#[tokio::test]
async fn files_are_converted_on_their_way_to_baileys() {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let shapes = Shapes::read();
        let webhooks = Webhooks::start().await;
        let mut gateway = lab.gateway("gateway", &webhooks);
        gateway.set("MEDIA_FROM_PRIVATE_ADDRESSES", "true");
        gateway.start().await;
        lab.simulator().phone("491701000001", "Owner").await.scan(&gateway.qr().await).await;
        gateway.wait_working().await;
        let gateway = &gateway;
        let peer = lab.linked_peer("baileys", Baileys::Seven, "491701000002").await;
        let scene = Scene { gateway, peer: peer.as_peer(), to: chat_id(&peer.chat()) };
        let convert = json!({"convert": true});

        let (voice, file) = scene.sent("/api/sendVoice", scene.body(&wav(), &convert)).await;
        assert_eq!(
            (&voice["kind"], &voice["voice"], &voice["seconds"]),
            (&json!("audio"), &json!(true), &json!(1))
        );
        assert_eq!((&voice["mimetype"], &voice["bars"]), (&json!("audio/ogg; codecs=opus"), &json!(64)));
        assert_eq!((&file[..4], &file[28..36]), (&b"OggS"[..], &b"OpusHead"[..]));
        // What is a voice note already goes out as it is.
        let (again, same) = scene.sent("/api/sendVoice", scene.body(&file, &convert)).await;
        assert!(same == file && again["bars"] == 64, "{again}");

        let (video, file) = scene.sent("/api/sendVideo", scene.body(&moving("-f matroska"), &convert)).await;
        assert_eq!((&video["kind"], &video["mimetype"]), (&json!("video"), &json!("video/mp4")));
        assert_eq!(&file[4..8], b"ftyp");

        let gif = moving("-f gif");
        let png = moving("-frames:v 1 -c:v png -f image2pipe");
        for (picture, animated) in [(&png, false), (&gif, true)] {
            let (sticker, file) = scene.sent("/api/sendSticker", scene.body(picture, &json!({}))).await;
            assert_eq!((&sticker["kind"], &sticker["animated"]), (&json!("sticker"), &json!(animated)));
            assert_eq!((&file[..4], &file[8..12]), (&b"RIFF"[..], &b"WEBP"[..]));
        }

        let body = json!({"file": {"data": STANDARD.encode(&png)}});
        let portrait = (Method::PUT, "/api/{session}/profile/picture");
        let done = shapes.call(gateway, portrait, "/api/default/profile/picture", Some(body)).await;
        assert_eq!(done, json!({"success": true}));

        for path in ["/api/{session}/media/convert/voice", "/api/{session}/media/convert/video"] {
            let file = if path.ends_with("voice") { wav() } else { gif.clone() };
            let address = path.replace("{session}", "default");
            let request = gateway.request(Method::POST, &address).header("Accept", "application/json");
            let answer = gateway.answer(request.json(&json!({"data": STANDARD.encode(file)}))).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
            shapes.check("Base64File", &answer.body).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
        }
        previews(&scene, png).await;
        refused(&scene).await;
    })
    .await;
}

/// A text with a link shows the page, unless the caller says otherwise; its picture is made a JPEG.
async fn previews(scene: &Scene<'_>, png: Vec<u8>) {
    let page = "<title>A page</title><meta property='og:image' content='/a.png'>";
    let router = Router::new()
        .route("/page", get(move || async move { Html(page) }))
        .route("/a.png", get(move || async move { png }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/page", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    for (fields, shown, large) in [
        (json!({}), true, false),
        (json!({"linkPreviewHighQuality": true}), true, true),
        (json!({"linkPreview": false}), false, false),
    ] {
        let mut body = json!({"session": "default", "chatId": scene.to, "text": format!("see {url}")});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = scene
            .gateway
            .answer(scene.gateway.request(Method::POST, "/api/sendText").json(&body))
            .await
            .unwrap();
        let id = stanza_id(answer.body["id"].as_str().expect("an id")).to_owned();
        let arrived = scene.peer.wait("message", PATIENCE, |event| event["key"]["id"] == id).await;
        let preview = &arrived["content"]["preview"];
        if !shown {
            assert!(preview.is_null(), "{fields}: {preview}");
            continue;
        }
        let told = (&preview["title"], &preview["uploaded"], &preview["width"]);
        assert_eq!(told, (&json!("A page"), &json!(large), &json!(large.then_some(160))), "{fields}");
        let inside = STANDARD.decode(preview["inside"].as_str().expect("a small picture")).unwrap();
        assert!(inside.starts_with(&[0xff, 0xd8, 0xff]), "{fields}");
    }
}

/// What somebody made to do harm, or by mistake, is refused, and the gateway goes on.
async fn refused(scene: &Scene<'_>) {
    let list = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n";
    for file in [&list[..], b"ffconcat version 1.0\nfile /etc/passwd\n", b"garbage"] {
        for path in ["/api/sendVoice", "/api/sendVideo", "/api/sendSticker"] {
            let mut body = scene.body(file, &json!({}));
            if path != "/api/sendSticker" {
                body["convert"] = json!(true);
            }
            let answer =
                scene.gateway.answer(scene.gateway.request(Method::POST, path).json(&body)).await.unwrap();
            let told = (answer.status.as_u16(), answer.body["code"].as_str());
            assert_eq!(told, (422, Some("not_converted")), "{path}: {}", answer.body);
        }
    }
}
