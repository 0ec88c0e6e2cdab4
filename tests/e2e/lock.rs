//! One owner for a session.

use std::time::Duration;

use wakeeper_e2e::{Addressing, Lab, Webhooks};

#[tokio::test]
async fn second_gateway_on_the_same_auth_info_is_refused() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut first = lab.gateway("gateway", &webhooks);
    first.start().await;

    let mut second = first.second("second");
    let status = second.wait_exit(Duration::from_secs(30)).await;

    assert_eq!(status.code(), Some(1));
    let refusal = |line: &&String| line.starts_with("error:") && line.contains("auth_info");
    let found = |lines: &[String]| lines.iter().find(refusal).cloned();
    let line = second.lines().wait("a line that names auth_info", Duration::from_secs(5), found).await;
    assert!(line.contains("another") || line.contains("already"), "not clear: {line}");
    let backtrace = second.lines().read(|lines| lines.iter().any(|line| line.contains("backtrace")));
    assert!(!backtrace, "one clear line, not a backtrace");
    // The first one is not disturbed.
    assert!(first.qr().await.contains(','));
}
