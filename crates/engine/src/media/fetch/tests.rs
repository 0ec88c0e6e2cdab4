use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use wakeeper_delivery::addresses::is_private;

use super::*;

fn limits(allow_private: bool) -> Limits {
    let least_rate = LeastRate { bytes: 500, window: Duration::from_secs(1) };
    let spool = Spool::new(&std::env::temp_dir(), 1 << 20);
    let converter = Converter::new(None, spool.clone(), 1000);
    Limits { max_bytes: 1000, allow_private, least_rate, spool, converter }
}

async fn nearby(url: &str) -> Result<Fetched, FetchError> {
    fetch(url, &limits(true)).await
}

fn content(fetched: Fetched) -> Vec<u8> {
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut std::sync::Arc::new(fetched.content).reader(0), &mut content).unwrap();
    content
}

async fn serve(router: Router) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[test]
fn private_addresses_are_known_in_every_disguise() {
    for private in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "::1",
        "::",
        "fc00::1",
        "fe80::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "198.18.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "224.0.0.1",
    ] {
        assert!(is_private(private.parse().unwrap()), "{private}");
    }
    for public in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
        assert!(!is_private(public.parse().unwrap()), "{public}");
    }
}

#[tokio::test]
async fn a_file_comes_with_its_kind_and_name() {
    let router = Router::new()
        .route("/a/cat.png", get(|| async { ([("content-type", "image/png")], vec![1u8, 2, 3]) }));
    let base = serve(router).await;
    let fetched = nearby(&format!("{base}/a/cat.png?x=1")).await.unwrap();
    assert_eq!(fetched.mimetype.as_deref(), Some("image/png"));
    assert_eq!(fetched.filename.as_deref(), Some("cat.png"));
    assert_eq!(content(fetched), [1, 2, 3]);
}

#[tokio::test]
async fn the_private_network_is_out_of_reach() {
    let base = serve(Router::new().route("/", get(|| async { "secret" }))).await;
    let port = base.rsplit_once(':').unwrap().1;
    for url in
        [base.clone(), format!("http://localhost:{port}/"), format!("http://[::ffff:127.0.0.1]:{port}/")]
    {
        assert!(matches!(fetch(&url, &limits(false)).await, Err(FetchError::PrivateAddress)), "{url}");
    }
}

#[tokio::test]
async fn other_schemes_are_refused() {
    for url in ["file:///etc/passwd", "ftp://127.0.0.1/", "not a url", ""] {
        assert!(matches!(nearby(url).await, Err(FetchError::Malformed)), "{url}");
    }
}

#[tokio::test]
async fn too_large_a_file_is_cut_off_with_and_without_a_length() {
    let router = Router::new().route("/known", get(|| async { vec![0u8; 2000] })).route(
        "/unknown",
        get(|| async {
            let chunks = (0..20).map(|_| Ok::<_, std::io::Error>(vec![0u8; 100]));
            axum::body::Body::from_stream(futures::stream::iter(chunks)).into_response()
        }),
    );
    let base = serve(router).await;
    for path in ["known", "unknown"] {
        assert!(matches!(nearby(&format!("{base}/{path}")).await, Err(FetchError::TooLarge(1000))), "{path}");
    }
}

#[tokio::test]
async fn redirects_are_followed_a_few_times_only() {
    let router = Router::new()
        .route("/once", get(|| async { Redirect::temporary("/file") }))
        .route("/file", get(|| async { "x" }))
        .route("/loop", get(|| async { Redirect::temporary("/loop") }))
        .route("/gone", get(|| async { StatusCode::NOT_FOUND }));
    let base = serve(router).await;
    assert_eq!(content(nearby(&format!("{base}/once")).await.unwrap()), b"x");
    assert!(matches!(nearby(&format!("{base}/loop")).await, Err(FetchError::Failed(_))));
    assert!(matches!(nearby(&format!("{base}/gone")).await, Err(FetchError::Status(404))));
}

/// A file of `pieces` pieces of `size` bytes, one every `every` milliseconds.
fn trickle(size: usize, every: u64, pieces: usize) -> axum::response::Response {
    let chunks = futures::stream::iter(0..pieces).then(move |_| async move {
        tokio::time::sleep(Duration::from_millis(every)).await;
        Ok::<_, std::io::Error>(vec![0u8; size])
    });
    axum::body::Body::from_stream(chunks).into_response()
}

#[tokio::test]
async fn slow_but_steady_files_come_and_dripping_ones_are_given_up() {
    let router = Router::new()
        .route("/steady", get(|| async { trickle(100, 150, 10) }))
        .route("/drip", get(|| async { trickle(1, 100, 600) }))
        .route("/stop", get(|| async { trickle(1, 60_000, 2) }));
    let base = serve(router).await;
    assert_eq!(content(nearby(&format!("{base}/steady")).await.unwrap()).len(), 1000);
    for path in ["drip", "stop"] {
        assert!(matches!(nearby(&format!("{base}/{path}")).await, Err(FetchError::TooSlow(_))), "{path}");
    }
}
