use axum::body::Body;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const PATIENCE: Duration = Duration::from_mins(1);

struct Server {
    port: u16,
    stopping: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

async fn start(router: Router, limits: ServeLimits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stopping = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, router, limits, stopping.clone()));
    Server { port, stopping, serving }
}

impl Server {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn ask(&self, text: &str) -> String {
        rest(self.send(text).await).await
    }
}

/// Everything until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    read.expect("the server closes").expect("no reset");
    String::from_utf8_lossy(&all).into_owned()
}

fn quick() -> ServeLimits {
    let farewell = Farewell { pause: Duration::from_millis(300), ..ServeLimits::default().farewell };
    ServeLimits {
        silence: Duration::from_millis(500),
        unread: Duration::from_millis(500),
        farewell,
        ..ServeLimits::default()
    }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn whoever_stays_silent_is_closed_at_every_stage() {
    let server = start(hello(), quick()).await;
    for begun in ["", "GET", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        assert_eq!(server.ask(begun).await, "", "{begun:?}");
    }
    let kept_alive = server.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(kept_alive.starts_with("HTTP/1.1 200") && kept_alive.ends_with("hello"), "{kept_alive}");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_and_one_that_is_slow_to_come_does_not() {
    let slow = || async {
        let pieces = futures::stream::iter(0..4);
        let pieces = futures::StreamExt::then(pieces, |_| async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            Ok::<_, io::Error>("live ")
        });
        Body::from_stream(pieces)
    };
    let (dropped, mut was_dropped) = tokio::sync::mpsc::channel::<()>(1);
    let endless = move || {
        let dropped = dropped.clone();
        async move {
            let pieces = futures::stream::repeat_with(move || {
                let _held = &dropped;
                Ok::<_, io::Error>(vec![0; 64 << 10])
            });
            Body::from_stream(pieces)
        }
    };
    let router = Router::new().route("/slow", get(slow)).route("/endless", get(endless));
    let server = start(router, quick()).await;
    let live = server.ask("GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(live.matches("live ").count(), 4, "{live}");
    let _unread = server.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.stopping.cancel();
    tokio::time::timeout(PATIENCE, server.serving).await.expect("it ends").unwrap();
    assert!(was_dropped.recv().await.is_none(), "the body of the answer is dropped");
}

#[tokio::test]
async fn when_all_are_busy_a_new_one_is_told_and_later_served() {
    let (release, held) = tokio::sync::watch::channel(false);
    let hold = move || {
        let mut held = held.clone();
        async move {
            let _ = held.wait_for(|released| *released).await;
            "done"
        }
    };
    let router = Router::new().route("/hold", get(hold)).route("/", get(|| async { "hello" }));
    let limits = ServeLimits { connections: 1, ..ServeLimits::default() };
    let server = start(router, limits).await;
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut busy = Vec::new();
    let refused = loop {
        // The seats beyond the one are this machine's own.
        let mut stream = server.send(&request("/hold")).await;
        let mut first = [0; 12];
        let read = tokio::time::timeout(Duration::from_millis(300), stream.read_exact(&mut first)).await;
        if read.is_ok() {
            break String::from_utf8_lossy(&first).into_owned();
        }
        busy.push(stream);
        assert!(busy.len() < 40, "nobody was refused");
    };
    assert_eq!(refused, "HTTP/1.1 503");
    release.send(true).unwrap();
    for stream in busy {
        assert!(rest(stream).await.ends_with("done"));
    }
    assert!(server.ask(&request("/")).await.ends_with("hello"));
}

#[tokio::test]
async fn a_request_under_way_is_answered_during_the_end() {
    let (release, held) = tokio::sync::watch::channel(false);
    let hold = move || {
        let mut held = held.clone();
        async move {
            let _ = held.wait_for(|released| *released).await;
            "done"
        }
    };
    let begun = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&begun);
    let router = Router::new().route("/", get(hold)).layer(axum::middleware::from_fn(
        move |request: axum::extract::Request, next: axum::middleware::Next| {
            told.notify_one();
            next.run(request)
        },
    ));
    let server = start(router, ServeLimits::default()).await;
    let stream = server.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    begun.notified().await;
    server.stopping.cancel();
    release.send(true).unwrap();
    assert!(rest(stream).await.ends_with("done"));
    tokio::time::timeout(PATIENCE, server.serving).await.expect("it ends").unwrap();
}
