//! Files made into what phones play, over the API.

use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::requests::{Lab, assert_error, request};

const VOICE: &str = "/api/default/media/convert/voice";
const VIDEO: &str = "/api/default/media/convert/video";

/// Half a second of a tone: WAV, 8,000 samples a second.
fn wav() -> Vec<u8> {
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

#[tokio::test]
async fn files_are_converted_for_the_caller_as_bytes_or_in_json() {
    let lab = Lab::converting().await;
    let body = json!({"url": "", "data": BASE64_STANDARD.encode(wav())});
    let plain = lab.call(Method::POST, VOICE, body.clone()).await;
    assert_eq!(plain.status, StatusCode::OK, "{}", plain.json());
    let bytes = plain.bytes();
    assert_eq!(
        (&plain.headers["content-type"], &bytes[..4]),
        (&"audio/ogg; codecs=opus".parse().unwrap(), &b"OggS"[..])
    );
    assert_eq!(plain.headers["content-length"], bytes.len().to_string().as_str());

    let mut asked = request(Method::POST, VOICE, Some(body.to_string().into_bytes()));
    asked.headers_mut().insert("accept", "application/json".parse().unwrap());
    let answer = lab.ask(asked).await.json();
    assert_eq!(answer["mimetype"], "audio/ogg; codecs=opus", "{answer}");
    let decoded = BASE64_STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
    assert!(decoded.starts_with(b"OggS"));

    let refused = lab.call(Method::POST, VIDEO, body.clone()).await;
    assert_error("a sound is no video", &refused, 422, "not_converted");
    let list =
        json!({"data": BASE64_STANDARD.encode("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")});
    assert_error("a list", &lab.call(Method::POST, VOICE, list).await, 422, "not_converted");
    for (what, body) in [
        ("both", json!({"url": "http://example.org/a.wav", "data": "aGk="})),
        ("none", json!({})),
        ("not base64", json!({"data": "*"})),
        ("not a file", json!({"file": {"data": "aGk="}})),
    ] {
        assert_error(what, &lab.call(Method::POST, VOICE, body).await, 400, "invalid_request");
    }
    let nearby = json!({"url": "http://127.0.0.1:1/a.wav"});
    assert_error("a private address", &lab.call(Method::POST, VOICE, nearby).await, 422, "media_unavailable");
    let nobody = lab.call(Method::POST, "/api/nobody/media/convert/voice", body).await;
    assert_error("no session", &nobody, 404, "session_not_found");
}

#[tokio::test]
async fn without_ffmpeg_the_caller_is_told_what_is_missing() {
    let lab = Lab::open().await;
    let body = json!({"data": BASE64_STANDARD.encode(wav())});
    for path in [VOICE, VIDEO] {
        let refused = lab.call(Method::POST, path, body.clone()).await;
        assert_error(path, &refused, 422, "converter_missing");
        assert!(refused.json()["hint"].as_str().unwrap().contains("FFMPEG"), "{}", refused.json());
    }
}
